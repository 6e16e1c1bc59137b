// SPDX-License-Identifier: GPL-2.0-only
/* Blocks in the caches of threads. */
#include "tests/unit/helpers.h"

#include "tests/unit/heap_scene.h"

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
	fake_put16(&scene.fake, cache + 16 + 2 * 3, 2);
	fake_put(&scene.fake, cache + 16 + 128 + 8 * 3, first + 16);
	for (int i = 0; i < 76; i++)
		fake_put16(&scene.fake, other + 16 + 2ULL * (unsigned int)i, i == 1 ? 6 : 7); /* of 7 */
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
		fake_put16(&scene.fake, BASE + 16 + 2ULL * (unsigned int)i, i == 68 ? 5 : 7); /* of 7 */
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
		fake_put16(&scene.fake, at + 16 + 2 * 63, 1);
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
		fake_put16(&scene.fake, counts + 6, i == 0 ? 8 : i == 2 || i == 5 ? 0 : 1);
		fake_put(&scene.fake, entries + 24, blocks[i]);
		check_row(names[i], run(&scene) == 0);
		check_row(names[i], scene.sum.cached == 0 && scene.sum.used == 0x288 + 0x48);
		end(&scene);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_in_a_threads_cache_are_not_handed_out),
		cmocka_unit_test(large_blocks_in_a_cache_are_counted_one_by_one),
		cmocka_unit_test(a_cache_that_reaches_into_the_next_page_is_seen_whole),
		cmocka_unit_test(a_block_that_only_looks_like_a_cache_is_a_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
