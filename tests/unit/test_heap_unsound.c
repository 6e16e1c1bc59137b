// SPDX-License-Identifier: GPL-2.0-only
/* A heap that is damaged, hostile, or in the middle of something. */
#include "tests/unit/helpers.h"

#include "tests/unit/heap_scene.h"

static void put_sound_heap(struct scene *scene)
{
	uint64_t at = BASE;

	start(scene);
	for (int i = 0; i < 100; i++)
		at = i % 10 == 5 ? fake_free_chunk(&scene->fake, at, 0x100) : fake_chunk(&scene->fake, at, 0x100, i % 10 != 6);
	put_top(scene, at, true);
}

static void a_header_that_cannot_be_ends_in_an_error_and_no_figure(void **state)
{
	static const uint64_t heads[] = { 0, 1, 0x11, 0x19, 0x29, 0x103, UINT64_MAX, UINT64_MAX & ~7ULL, 1ULL << 63, SIZE | 1,
					  SIZE - 0x1400 + 17, 0x7ffffffffffffff1 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		struct scene scene;

		put_sound_heap(&scene);
		fake_put(&scene.fake, BASE + 20 * 0x100 + 8, heads[i]);
		scene.sum.used = 1234;
		assert_int_equal(run(&scene), -EAGAIN);
		assert_int_equal(scene.sum.used, 1234);
		assert_int_equal(scene.sum.free, 0);
		end(&scene);
	}
}

static void memory_that_ends_where_chunks_should_be_is_an_error(void **state)
{
	struct scene scene;

	(void)state;
	put_sound_heap(&scene);
	fake_set_pages(&scene.fake, BASE + 2 * PAGE, 3, PAGE_ABSENT);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_set_pages(&scene.fake, BASE + 2 * PAGE, 3, PAGE_RESIDENT);
	scene.piece.end = BASE + 10 * 0x100;
	assert_int_equal(run(&scene), -EAGAIN);
	scene.piece.start = scene.piece.end = UINT64_MAX - 15;
	assert_int_equal(run(&scene), -EAGAIN);
	end(&scene);
}

/* Whatever one word is: it ends, and never tells of more than there is. */
static void no_word_of_the_heap_leads_out_of_it(void **state)
{
	static const uint64_t words[] = { 0, 0x10, 0x20, 0x21, 0x31, 0x101, 0x290, 0x291, 0x301, PAGE, SIZE, BASE, BASE + SIZE,
					  UINT64_MAX, 1ULL << 47 };
	struct scene scene;

	(void)state;
	put_sound_heap(&scene);
	for (uint64_t at = BASE; at < BASE + 101 * 0x100; at += 8) {
		uint64_t before;

		memcpy(&before, fake_at(&scene.fake, at), 8);
		for (size_t i = 0; i < COUNT_OF(words); i++) {
			int result;

			fake_put(&scene.fake, at, words[i]);
			scene.sum = (struct tally){ 0 };
			result = run(&scene);
			assert_true(result == 0 || result == -EAGAIN);
			assert_true(scene.sum.used + scene.sum.free <= SIZE);
			assert_true(scene.sum.trimmable <= scene.sum.free);
		}
		fake_put(&scene.fake, at, before);
	}
	end(&scene);
}

static uint64_t damaged;

static void repair_after_some_reads(struct fake *fake)
{
	fake_put(fake, damaged, fake->reads > 7 ? 0x101 : 0x41414141);
}

static void what_contradicts_is_looked_at_again(void **state)
{
	struct scene scene;
	struct tally expected;

	(void)state;
	put_sound_heap(&scene);
	assert_int_equal(run(&scene), 0);
	expected = scene.sum;
	damaged = BASE + 50 * 0x100 + 8;
	scene.fake.reads = 0;
	scene.fake.before_read = repair_after_some_reads;
	scene.sum = (struct tally){ 0 };
	assert_int_equal(run(&scene), 0);
	assert_memory_equal(&scene.sum, &expected, sizeof(expected));
	assert_true(scene.fake.reads > 7);
	end(&scene);
}

/* A page of its own that is about to come, or a size that is about to be set. */
static void the_top_needs_no_header(void **state)
{
	struct scene scene;
	uint64_t top;

	(void)state;
	start(&scene);
	top = fake_chunk(&scene.fake, BASE, 10 * PAGE, true);
	scene.piece.top = top;
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.sum.used, 10 * PAGE - 8);
	assert_int_equal(scene.sum.free, SIZE - 10 * PAGE);
	fake_put(&scene.fake, top + 8, (SIZE - 15 * PAGE) | PREV_INUSE);
	scene.sum = (struct tally){ 0 };
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.sum.free, SIZE - 10 * PAGE);
	fake_set_pages(&scene.fake, top, 246, PAGE_ABSENT);
	scene.sum = (struct tally){ 0 };
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.sum.used, 10 * PAGE - 8);
	assert_int_equal(scene.sum.free, 0);
	end(&scene);
}

static int move_top(void *data, struct piece *piece)
{
	struct scene *scene = data;

	piece->top = scene->piece.top;
	return 0;
}

static void a_top_that_has_moved_is_asked_for_again(void **state)
{
	struct scene scene;
	struct piece stale;
	struct tally sum = { 0 };

	(void)state;
	put_sound_heap(&scene);
	stale = scene.piece;
	stale.top = BASE + 40 * 0x100;
	window_init(&scene.window, &scene.fake.image, &a_minute);
	scene.walk = (struct walk){ .image = &scene.fake.image, .window = &scene.window, .fast = &scene.fast, .retries = 100,
				    .refresh = move_top, .data = &scene };
	assert_int_equal(walk_piece(&scene.walk, &stale, &sum), 0);
	assert_int_equal(sum.used, 90 * 0xf8);
	end(&scene);
}

static void a_time_that_is_over_ends_it(void **state)
{
	struct scene scene;

	(void)state;
	put_sound_heap(&scene);
	assert_int_equal(run_within(&scene, &(struct heap_budget){ 0 }), -ETIME);
	end(&scene);
}

static void a_walk_rests_between_its_slices_and_what_it_finds_is_the_same(void **state)
{
	/* a rest before each step, which is no part of the time */
	const struct heap_budget budget = { .most_ns = A_MINUTE, .rest_ns = 2000000 };
	struct tally expected;
	struct scene scene;
	uint64_t began;

	(void)state;
	put_sound_heap(&scene);
	assert_int_equal(run(&scene), 0);
	expected = scene.sum;
	scene.sum = (struct tally){ 0 };
	began = monotonic_ns();
	assert_int_equal(run_within(&scene, &budget), 0);
	assert_memory_equal(&scene.sum, &expected, sizeof(expected));
	assert_true(monotonic_ns() - began >= budget.rest_ns);
	assert_true(scene.window.pace.deadline >= began + A_MINUTE + budget.rest_ns);
	end(&scene);
}

static void few_pages_come_back_from_swap(void **state)
{
	struct scene scene;
	uint64_t at = BASE;

	(void)state;
	start(&scene);
	for (int i = 0; i < 200; i++)
		at = fake_chunk(&scene.fake, at, PAGE, true);
	put_top(&scene, at, true);
	fake_set_pages(&scene.fake, BASE + 10 * PAGE, SWAPPED_READS, PAGE_SWAPPED);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.sum.used, 200 * (PAGE - 8));
	fake_set_pages(&scene.fake, BASE + 10 * PAGE, SWAPPED_READS + 1, PAGE_SWAPPED);
	assert_int_equal(run(&scene), -ENOBUFS);
	end(&scene);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_that_cannot_be_ends_in_an_error_and_no_figure),
		cmocka_unit_test(memory_that_ends_where_chunks_should_be_is_an_error),
		cmocka_unit_test(no_word_of_the_heap_leads_out_of_it),
		cmocka_unit_test(what_contradicts_is_looked_at_again),
		cmocka_unit_test(the_top_needs_no_header),
		cmocka_unit_test(a_top_that_has_moved_is_asked_for_again),
		cmocka_unit_test(a_time_that_is_over_ends_it),
		cmocka_unit_test(a_walk_rests_between_its_slices_and_what_it_finds_is_the_same),
		cmocka_unit_test(few_pages_come_back_from_swap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
