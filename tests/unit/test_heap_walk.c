// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "tests/unit/heap_image.h"
#include "user/heap/fastbins.h"
#include "user/heap/walk.h"

#define BASE 0x100000000ULL
#define SIZE (256 * PAGE)

struct scene {
	struct fake fake;
	struct piece piece;
	struct addresses fast;
	struct window window;
	struct walk walk;
	struct tally sum;
};

/* A main arena whose memory is all of it; chunks are to be added from BASE on. */
static void start(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	fake_add(&scene->fake, BASE, SIZE);
	scene->piece = (struct piece){ .start = BASE, .end = BASE + SIZE, .is_main = true, .brk_end = BASE + SIZE,
				       .trim_alignment = PAGE };
}

static void end(struct scene *scene)
{
	addresses_free(&scene->fast);
	fake_free(&scene->fake);
}

/* The top takes what is left. */
static void put_top(struct scene *scene, uint64_t at, bool previous_is_used)
{
	fake_chunk(&scene->fake, at, scene->piece.end - at, previous_is_used);
	scene->piece.top = at;
}

static int run_until(struct scene *scene, uint64_t deadline)
{
	window_init(&scene->window, &scene->fake.image, deadline);
	scene->walk = (struct walk){ .image = &scene->fake.image, .window = &scene->window, .fast = &scene->fast, .retries = 100,
				     .tcache_count = 7 };
	return walk_piece(&scene->walk, &scene->piece, &scene->sum);
}

static int run(struct scene *scene)
{
	return run_until(scene, monotonic_ns() + A_MINUTE);
}

static void blocks_that_are_handed_out_count_with_what_is_usable_of_them(void **state)
{
	struct scene scene;
	uint64_t at = BASE;

	(void)state;
	start(&scene);
	at = fake_chunk(&scene.fake, at, 0x20, true);
	at = fake_chunk(&scene.fake, at, 0x1230, true);
	at = fake_free_chunk(&scene.fake, at, 0x100);
	at = fake_chunk(&scene.fake, at, 0x40, false);
	put_top(&scene, at, true);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.sum.used, 0x18 + 0x1228 + 0x38);
	assert_int_equal(scene.sum.free, 0x100 + (BASE + SIZE - at));
	assert_int_equal(scene.sum.cached, 0);
	end(&scene);
}

static void a_free_chunk_gives_back_its_whole_pages_after_its_first_48_bytes(void **state)
{
	static const struct {
		const char *name;
		uint64_t offset, size, pages; /* of the chunk, from a page's start */
	} rows[] = {
		{ "from 48 bytes before a page", PAGE - 48, 48 + 2 * PAGE, 2 },
		{ "from 32 bytes before a page: that page is kept", PAGE - 32, 32 + 3 * PAGE, 2 },
		{ "ends 16 bytes before a page does", PAGE - 48, 48 + 2 * PAGE - 16, 1 },
		{ "too small by 16 bytes", PAGE - 48, 48 + PAGE - 16, 0 },
		{ "exactly one page and what is kept", PAGE - 48, 48 + PAGE, 1 },
		{ "a page's size, but not a page", 64, PAGE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scene scene;
		uint64_t at;

		start(&scene);
		scene.piece.brk_end = 0; /* the top stays */
		at = fake_chunk(&scene.fake, BASE, rows[i].offset, true);
		at = fake_free_chunk(&scene.fake, at, rows[i].size);
		at = fake_chunk(&scene.fake, at, 0x20, false);
		put_top(&scene, at, true);
		check_row(rows[i].name, run(&scene) == 0);
		check_row(rows[i].name, scene.sum.trimmable == rows[i].pages * PAGE);
		end(&scene);
	}
}

static void the_end_of_the_main_top_goes_back_but_for_a_chunk_and_the_rest_of_its_page(void **state)
{
	static const struct {
		uint64_t size, back;
	} rows[] = {
		{ 10 * PAGE, 9 * PAGE }, { 10 * PAGE + 32, 9 * PAGE }, { 10 * PAGE + 48, 10 * PAGE }, { 0x20, 0 }, { PAGE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scene scene;

		start(&scene);
		fake_chunk(&scene.fake, BASE, SIZE - rows[i].size, true);
		put_top(&scene, BASE + SIZE - rows[i].size, true);
		assert_int_equal(run(&scene), 0);
		assert_int_equal(scene.sum.trimmable, rows[i].back);
		assert_int_equal(scene.sum.free, rows[i].size);
		end(&scene);
	}
}

static void the_top_stays_where_others_have_the_memory_after_it_and_goes_in_huge_pages_where_glibc_wants_that(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene);
	fake_chunk(&scene.fake, BASE, 10 * PAGE, true);
	put_top(&scene, BASE + 10 * PAGE, true);
	scene.piece.brk_end = 0;
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.sum.trimmable, 0);
	scene.piece.brk_end = BASE + SIZE;
	scene.piece.trim_alignment = 128 * PAGE;
	scene.sum = (struct tally){ 0 };
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.sum.trimmable, 128 * PAGE);
	end(&scene);
}

static void what_is_absent_is_neither_read_nor_counted(void **state)
{
	struct scene scene;
	uint64_t at;

	(void)state;
	start(&scene);
	scene.piece.brk_end = 0;
	at = fake_chunk(&scene.fake, BASE, 20 * PAGE, true); /* in use, but not touched */
	at = fake_free_chunk(&scene.fake, at, 20 * PAGE);
	at = fake_chunk(&scene.fake, at, 0x20, false);
	put_top(&scene, at, true);
	fake_set_pages(&scene.fake, BASE + PAGE, 19, PAGE_ABSENT);
	fake_set_pages(&scene.fake, BASE + 22 * PAGE, 10, PAGE_ABSENT);
	fake_set_pages(&scene.fake, BASE + 41 * PAGE, 256 - 41, PAGE_ABSENT);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.sum.used, 20 * PAGE - 8 + 0x18);
	assert_int_equal(scene.sum.trimmable, 9 * PAGE);
	assert_int_equal(scene.sum.free, 10 * PAGE + (PAGE - 0x20));
	end(&scene);
}

static void chunks_in_fastbins_are_free_and_make_whole_pages_with_their_neighbours(void **state)
{
	static const bool mangled[] = { true, false };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(mangled); i++) {
		uint64_t heads[N_FASTBINS] = { 0 }, first, second, at;
		struct scene scene;

		start(&scene);
		scene.piece.brk_end = 0;
		at = fake_chunk(&scene.fake, BASE, PAGE - 48, true);
		first = at;
		at = fake_chunk(&scene.fake, at, 0x40, true);
		second = at;
		at = fake_chunk(&scene.fake, at, 0x40, true);
		at = fake_free_chunk(&scene.fake, at, PAGE);
		at = fake_chunk(&scene.fake, at, 0x40, false); /* of that size, but in no list */
		put_top(&scene, at, true);
		heads[2] = second;
		fake_put(&scene.fake, second + 16, first ^ (mangled[i] ? (second + 16) >> 12 : 0));
		fake_put(&scene.fake, first + 16, 0 ^ (mangled[i] ? (first + 16) >> 12 : 0));
		assert_int_equal(fastbins_collect(&scene.fake.image, heads, SIZE, monotonic_ns() + A_MINUTE, &scene.fast), 0);
		addresses_sort(&scene.fast);
		assert_int_equal(scene.fast.n, 2);
		assert_int_equal(run(&scene), 0);
		assert_int_equal(scene.sum.used, PAGE - 48 - 8 + 0x38);
		assert_int_equal(scene.sum.trimmable, PAGE);
		end(&scene);
	}
}

static void a_list_that_is_a_ring_or_leads_astray_is_followed_as_far_as_it_is_sound(void **state)
{
	uint64_t heads[N_FASTBINS] = { 0 };
	struct scene scene;

	(void)state;
	start(&scene);
	fake_chunk(&scene.fake, BASE, 0x20, true);
	fake_chunk(&scene.fake, BASE + 0x20, 0x30, true);
	fake_put(&scene.fake, BASE + 16, (BASE + 0x20) ^ (BASE + 16) >> 12);
	heads[0] = BASE;             /* leads to a chunk of another size */
	heads[1] = BASE + 0x21;      /* not aligned */
	heads[2] = 0x7777000;        /* nothing there */
	heads[3] = UINT64_MAX & ~15; /* no address */
	assert_int_equal(fastbins_collect(&scene.fake.image, heads, SIZE, monotonic_ns() + A_MINUTE, &scene.fast), 0);
	assert_int_equal(scene.fast.n, 1);
	memset(heads, 0, sizeof(heads));
	heads[0] = BASE;
	fake_put(&scene.fake, BASE + 16, BASE ^ (BASE + 16) >> 12);
	scene.fast.n = 0; /* a ring */
	assert_int_equal(fastbins_collect(&scene.fake.image, heads, SIZE, monotonic_ns() + A_MINUTE, &scene.fast), 0);
	addresses_sort(&scene.fast);
	assert_int_equal(scene.fast.n, 1);
	end(&scene);
}

static void put16(struct scene *scene, uint64_t address, uint16_t value)
{
	memcpy(fake_at(&scene->fake, address), &value, sizeof(value));
}

static void blocks_in_a_threads_cache_are_not_handed_out(void **state)
{
	uint64_t cache, first, other, at;
	struct scene scene;

	(void)state;
	start(&scene);
	cache = BASE;
	at = fake_chunk(&scene.fake, BASE, 0x290, true); /* glibc before 2.42 */
	first = at;
	at = fake_chunk(&scene.fake, at, 0x50, true);
	at = fake_chunk(&scene.fake, at, 0x50, true);
	other = at;
	at = fake_chunk(&scene.fake, at, 0x310, true); /* glibc from 2.42 on, in a chunk that is larger than needed */
	at = fake_chunk(&scene.fake, at, 0x30, true);
	put_top(&scene, at, true);
	put16(&scene, cache + 16 + 2 * 3, 2);
	fake_put(&scene.fake, cache + 16 + 128 + 8 * 3, first + 16);
	for (int i = 0; i < 76; i++)
		put16(&scene, other + 16 + 2 * i, i == 1 ? 6 : 7); /* of 7 */
	fake_put(&scene.fake, other + 16 + 152 + 8 * 1, other + 0x310 + 16);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.sum.cached, 2 * 0x48 + 0x28);
	assert_int_equal(scene.sum.cached_resident, 2 * 0x50 + 0x30);
	assert_int_equal(scene.sum.used - scene.sum.cached, 0); /* the caches themselves are nobody's either */
	end(&scene);
}

static void large_blocks_in_a_cache_are_counted_one_by_one(void **state)
{
	uint64_t first, second, at;
	struct scene scene;

	(void)state;
	start(&scene);
	at = fake_chunk(&scene.fake, BASE, 0x300, true);
	first = at;
	at = fake_chunk(&scene.fake, at, 5 * PAGE, true);
	second = at;
	at = fake_chunk(&scene.fake, at, 6 * PAGE + 0x20, true);
	put_top(&scene, at, true);
	fake_set_pages(&scene.fake, BASE + 3 * PAGE, 2, PAGE_ABSENT);
	for (int i = 0; i < 76; i++)
		put16(&scene, BASE + 16 + 2 * i, i == 68 ? 5 : 7); /* of 7 */
	fake_put(&scene.fake, BASE + 16 + 152 + 8 * 68, first + 16);
	fake_put(&scene.fake, first + 16, (second + 16) ^ (first + 16) >> 12);
	fake_put(&scene.fake, second + 16, (second + 16) >> 12);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.sum.cached, 5 * PAGE - 8 + 6 * PAGE + 0x18);
	assert_int_equal(scene.sum.cached_resident, 9 * PAGE + 0x20);
	assert_int_equal(scene.sum.used - scene.sum.cached, 0);
	end(&scene);
}

static void a_cache_that_reaches_into_the_next_page_is_seen_whole(void **state)
{
	for (uint64_t before = PAGE - 0x290; before < PAGE + 0x20; before += 0x10) {
		struct scene scene;
		uint64_t at;

		(void)state;
		start(&scene);
		at = fake_chunk(&scene.fake, BASE, 15 * PAGE, true);
		at = fake_chunk(&scene.fake, at, before, true);
		put16(&scene, at + 16 + 2 * 63, 1);
		fake_put(&scene.fake, at + 16 + 128 + 8 * 63, at + 0x290 + 16);
		at = fake_chunk(&scene.fake, at, 0x290, true);
		at = fake_chunk(&scene.fake, at, 0x410, true);
		put_top(&scene, at, true);
		assert_int_equal(run(&scene), 0);
		assert_int_equal(scene.sum.cached, 0x408);
		end(&scene);
	}
}

static void a_block_that_only_looks_like_a_cache_is_a_block(void **state)
{
	static const char *const names[] = { "more than can be", "a count without a chunk", "a chunk without a count",
					     "a chunk that is not aligned", "a chunk of another size", "nothing in it" };
	static const uint64_t blocks[] = { BASE + 0x2a0, 0, BASE + 0x2a0, BASE + 0x2a8, BASE + 16, 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct scene scene;
		uint64_t at, counts = BASE + 16, entries = BASE + 16 + 128;

		start(&scene);
		at = fake_chunk(&scene.fake, BASE, 0x290, true);
		at = fake_chunk(&scene.fake, at, 0x50, true);
		put_top(&scene, at, true);
		put16(&scene, counts + 6, i == 0 ? 8 : i == 2 || i == 5 ? 0 : 1);
		fake_put(&scene.fake, entries + 24, blocks[i]);
		check_row(names[i], run(&scene) == 0);
		check_row(names[i], scene.sum.cached == 0 && scene.sum.used == 0x288 + 0x48);
		end(&scene);
	}
}

static void memory_of_others_between_two_parts_of_the_main_arena_is_passed_over(void **state)
{
	struct scene scene;
	uint64_t at;

	(void)state;
	start(&scene);
	at = fake_chunk(&scene.fake, BASE, 0x100, true);
	at = fake_free_chunk(&scene.fake, at, 0x200);
	at = fake_chunk(&scene.fake, at, 0x10, false);
	at = fake_chunk(&scene.fake, at, 0x10, true);
	/* what another got from sbrk(), with numbers in it; then an absent part */
	for (uint64_t i = 0; i < 3000; i += 8)
		fake_put(&scene.fake, at + i, 0x21 + i);
	fake_set_pages(&scene.fake, BASE + 8 * PAGE, 8, PAGE_ABSENT);
	at = BASE + 20 * PAGE + 0x340;
	for (int i = 0; i < 20; i++)
		at = fake_chunk(&scene.fake, at, 0x60, true);
	put_top(&scene, at, true);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.sum.used, 0xf8 + 20 * 0x58);
	assert_int_equal(scene.sum.free, 0x200 + (BASE + SIZE - at));
	end(&scene);
}

static void a_heap_without_the_top_ends_in_a_fencepost(void **state)
{
	struct scene scene;
	uint64_t at;

	(void)state;
	start(&scene);
	scene.piece.is_main = false;
	scene.piece.brk_end = 0;
	at = fake_chunk(&scene.fake, BASE + 0x30, 0x100, true);
	at = fake_free_chunk(&scene.fake, at, BASE + SIZE - 32 - at);
	at = fake_chunk(&scene.fake, at, 0x10, false);
	fake_put(&scene.fake, at + 8, PREV_INUSE);
	scene.piece.start = BASE + 0x30;
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.sum.used, 0xf8);
	assert_int_equal(scene.sum.free, SIZE - 32 - 0x130);
	assert_int_equal(scene.sum.trimmable, 254 * PAGE);
	end(&scene);
}

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
	window_init(&scene.window, &scene.fake.image, monotonic_ns() + A_MINUTE);
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
	assert_int_equal(run_until(&scene, 1), -ETIME);
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
		cmocka_unit_test(blocks_that_are_handed_out_count_with_what_is_usable_of_them),
		cmocka_unit_test(a_free_chunk_gives_back_its_whole_pages_after_its_first_48_bytes),
		cmocka_unit_test(the_end_of_the_main_top_goes_back_but_for_a_chunk_and_the_rest_of_its_page),
		cmocka_unit_test(the_top_stays_where_others_have_the_memory_after_it_and_goes_in_huge_pages_where_glibc_wants_that),
		cmocka_unit_test(what_is_absent_is_neither_read_nor_counted),
		cmocka_unit_test(chunks_in_fastbins_are_free_and_make_whole_pages_with_their_neighbours),
		cmocka_unit_test(a_list_that_is_a_ring_or_leads_astray_is_followed_as_far_as_it_is_sound),
		cmocka_unit_test(blocks_in_a_threads_cache_are_not_handed_out),
		cmocka_unit_test(large_blocks_in_a_cache_are_counted_one_by_one),
		cmocka_unit_test(a_cache_that_reaches_into_the_next_page_is_seen_whole),
		cmocka_unit_test(a_block_that_only_looks_like_a_cache_is_a_block),
		cmocka_unit_test(memory_of_others_between_two_parts_of_the_main_arena_is_passed_over),
		cmocka_unit_test(a_heap_without_the_top_ends_in_a_fencepost),
		cmocka_unit_test(a_header_that_cannot_be_ends_in_an_error_and_no_figure),
		cmocka_unit_test(memory_that_ends_where_chunks_should_be_is_an_error),
		cmocka_unit_test(no_word_of_the_heap_leads_out_of_it),
		cmocka_unit_test(what_contradicts_is_looked_at_again),
		cmocka_unit_test(the_top_needs_no_header),
		cmocka_unit_test(a_top_that_has_moved_is_asked_for_again),
		cmocka_unit_test(a_time_that_is_over_ends_it),
		cmocka_unit_test(few_pages_come_back_from_swap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
