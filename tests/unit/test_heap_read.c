// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "tests/unit/heap_process.h"

static void every_arena_counts_in_every_layout(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		struct scene scene;
		uint64_t usable = 2 * 0xff8 + 0xf8, main_top = BRK_SIZE - 6 * PAGE - 0x30, top;

		start(&scene, &versions[i]);
		assert_int_equal(run(&scene), 0);
		top = HEAP + HEAP_SIZE - ((arena_of_heap(&versions[i]) + versions[i].bins + 2088 + 15) & ~15ULL) - 0x100;
		assert_int_equal(scene.view.arenas, 2);
		assert_int_equal(scene.view.alloc, usable);
		assert_int_equal(scene.view.sys, BRK_SIZE + HEAP_SIZE);
		assert_int_equal(scene.view.mmapped, 0);
		assert_int_equal(scene.view.resident, BRK_SIZE + HEAP_SIZE);
		assert_int_equal(scene.view.swapped, 0);
		/* the free chunk starts at a page: of its 4 pages and 0x30 the first one is kept, and what is after the last */
		assert_int_equal(scene.view.trimmable, 3 * PAGE + (main_top - 33) / PAGE * PAGE);
		assert_int_equal(scene.view.resident_free, 4 * PAGE + 0x30 + main_top + top);
		assert_int_equal(scene.view.pinned, scene.view.resident_free - scene.view.trimmable);
		end(&scene);
	}
}

static void a_ring_of_arenas_that_does_not_close_or_goes_in_circles_is_an_error(void **state)
{
	struct scene scene;
	uint64_t arena = arena_of_heap(&versions[1]), next = arena + 112 + 2048;

	(void)state;
	start(&scene, &versions[1]);
	fake_put(&scene.fake, next, 0);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, next, 0x1000);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, next, UINT64_MAX - 15);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, next, arena); /* itself, for ever */
	assert_int_equal(run(&scene), -EAGAIN);
	end(&scene);
}

static void heaps_that_are_chained_in_a_loop_or_belong_to_another_are_an_error(void **state)
{
	struct scene scene;
	uint64_t arena = arena_of_heap(&versions[1]);

	(void)state;
	start(&scene, &versions[1]);
	fake_put(&scene.fake, HEAP + 8, HEAP); /* prev: itself */
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, HEAP + 8, HEAP + PAGE);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, HEAP + 8, 0);
	fake_put(&scene.fake, HEAP, arena + 16);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, HEAP, arena);
	for (size_t i = 0; i < 5; i++) {
		static const uint64_t sizes[] = { 0, 1, PAGE + 8, 2 * (64ULL << 20), UINT64_MAX };

		fake_put(&scene.fake, HEAP + 16, sizes[i]);
		assert_int_equal(run(&scene), -EAGAIN);
	}
	fake_put(&scene.fake, HEAP + 16, HEAP_SIZE);
	assert_int_equal(run(&scene), 0);
	end(&scene);
}

/* The first piece then ends in fenceposts, the top is in another. */
static void a_main_arena_in_pieces_is_put_together_if_they_make_its_size(void **state)
{
	struct scene scene;
	uint64_t at, second = MAPPED + 4 * PAGE;

	(void)state;
	start(&scene, &versions[1]);
	at = BRK + 0x2000 + 4 * PAGE + 0x30;
	at = fake_free_chunk(&scene.fake, at, BRK + BRK_SIZE - 32 - at);
	at = fake_chunk(&scene.fake, at, 0x10, false);
	fake_chunk(&scene.fake, at, 0x10, true);
	at = fake_chunk(&scene.fake, second, 0x5000, true);
	fake_chunk(&scene.fake, at, second + 20 * PAGE - at, true);
	put_arena(&scene.fake, &versions[1], MAIN_ARENA, at, BRK_SIZE + 20 * PAGE);
	fake_put(&scene.fake, MAIN_ARENA + 112 + 2048, arena_of_heap(&versions[1]));
	fake_put32(&scene.fake, MAIN_ARENA + 4, 2);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.alloc, 2 * 0xff8 + 0xf8 + 0x4ff8);
	assert_int_equal(scene.view.sys, BRK_SIZE + 20 * PAGE + HEAP_SIZE);
	assert_int_equal(scene.view.resident, BRK_SIZE + 20 * PAGE + HEAP_SIZE);
	/* the top is not at the end of brk: nothing of it comes back. The chunk before the fenceposts starts 0x30 into a page */
	assert_int_equal(scene.view.trimmable, 3 * PAGE + (BRK_SIZE - 7 * PAGE) - PAGE);
	/* a page is missing, a page too many */
	fake_put(&scene.fake, MAIN_ARENA + 112 + 2072, BRK_SIZE + 21 * PAGE);
	fake_put(&scene.fake, MAIN_ARENA + 112 + 2080, BRK_SIZE + 21 * PAGE);
	assert_int_equal(run(&scene), -EOPNOTSUPP);
	fake_put(&scene.fake, MAIN_ARENA + 112 + 2072, BRK_SIZE + 19 * PAGE);
	assert_int_equal(run(&scene), -EOPNOTSUPP);
	fake_put(&scene.fake, MAIN_ARENA + 112 + 2072, BRK_SIZE - PAGE);
	assert_int_equal(run(&scene), -EOPNOTSUPP);
	end(&scene);
}

/* All that was in it is free again. */
static void a_piece_may_be_nothing_but_the_top(void **state)
{
	struct scene scene;
	uint64_t at = BRK + 0x2000 + 4 * PAGE + 0x30;

	(void)state;
	start(&scene, &versions[1]);
	at = fake_free_chunk(&scene.fake, at, BRK + BRK_SIZE - 32 - at);
	at = fake_chunk(&scene.fake, at, 0x10, false);
	fake_chunk(&scene.fake, at, 0x10, true);
	fake_chunk(&scene.fake, MAPPED, MAPPED_SIZE, true);
	put_arena(&scene.fake, &versions[1], MAIN_ARENA, MAPPED, BRK_SIZE + MAPPED_SIZE);
	fake_put(&scene.fake, MAIN_ARENA + 112 + 2048, arena_of_heap(&versions[1]));
	fake_put32(&scene.fake, MAIN_ARENA + 4, 2);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.alloc, 2 * 0xff8 + 0xf8);
	assert_int_equal(scene.view.sys, BRK_SIZE + MAPPED_SIZE + HEAP_SIZE);
	end(&scene);
}

static void what_was_read_is_known_to_be_the_heaps(void **state)
{
	const struct owned_range *range;
	struct scene scene;

	(void)state;
	start(&scene, &versions[1]);
	put_mmapped(&scene, MAPPED, 10, 0);
	set_mmapped(&scene, 1, 10 * PAGE);
	fake_set_pages(&scene.fake, MAPPED + PAGE, 3, PAGE_ABSENT);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.owned.n, 3);
	range = owned_from(&scene.owned, MAPPED + 5 * PAGE);
	assert_true(range->start == MAPPED && range->end == MAPPED + 10 * PAGE && range->resident == 7 * PAGE);
	range = owned_from(&scene.owned, MAPPED + 10 * PAGE);
	assert_true(range->start == HEAP && range->end == HEAP + HEAP_SIZE);
	assert_null(owned_from(&scene.owned, HEAP + HEAP_SIZE));
	assert_true(owned_from(&scene.owned, 0)->start == BRK);
	end(&scene);
}

/* Whatever a word of the state is, it ends, and no figure is more than there is. */
static void no_word_of_the_state_leads_astray(void **state)
{
	static const uint64_t words[] = { 0, 1, 2, 16, PAGE, BRK, HEAP, MAPPED, HEAP + 48, UINT64_MAX, 1ULL << 55 };

	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		const uint64_t starts[] = { MP, MAIN_ARENA, MAIN_ARENA + versions[v].bins + 2032, HEAP, arena_of_heap(&versions[v]) };
		struct scene scene;

		start(&scene, &versions[v]);
		for (size_t s = 0; s < COUNT_OF(starts); s++)
			for (uint64_t at = starts[s]; at < starts[s] + 136; at += 8) {
				uint64_t before;

				memcpy(&before, fake_at(&scene.fake, at), 8);
				for (size_t i = 0; i < COUNT_OF(words); i++) {
					int result;

					fake_put(&scene.fake, at, words[i]);
					result = run(&scene);
					assert_true(result == 0 || result == -EAGAIN || result == -EOPNOTSUPP || result == -EFAULT);
				}
				fake_put(&scene.fake, at, before);
			}
		end(&scene);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_arena_counts_in_every_layout),
		cmocka_unit_test(a_ring_of_arenas_that_does_not_close_or_goes_in_circles_is_an_error),
		cmocka_unit_test(heaps_that_are_chained_in_a_loop_or_belong_to_another_are_an_error),
		cmocka_unit_test(a_main_arena_in_pieces_is_put_together_if_they_make_its_size),
		cmocka_unit_test(a_piece_may_be_nothing_but_the_top),
		cmocka_unit_test(what_was_read_is_known_to_be_the_heaps),
		cmocka_unit_test(no_word_of_the_state_leads_astray),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
