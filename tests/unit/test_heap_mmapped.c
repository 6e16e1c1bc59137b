// SPDX-License-Identifier: GPL-2.0-only
/* Chunks with a mapping of their own. */
#include "tests/unit/helpers.h"

#include "tests/unit/heap_process.h"

static void mmapped_chunks_are_found_and_count_with_what_is_usable(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		struct scene scene;
		uint64_t usable;

		start(&scene, &versions[i]);
		usable = put_mmapped(&scene, MAPPED, 10, 0) + put_mmapped(&scene, MAPPED + 10 * PAGE, 3, 0);
		fake_set_pages(&scene.fake, MAPPED + 2 * PAGE, 5, PAGE_ABSENT);
		fake_set_pages(&scene.fake, MAPPED + 8 * PAGE, 1, PAGE_SWAPPED);
		set_mmapped(&scene, 2, 13 * PAGE);
		assert_int_equal(run(&scene), 0);
		assert_int_equal(scene.view.alloc, 2 * 0xff8 + 0xf8 + usable);
		assert_int_equal(scene.view.mmapped, 13 * PAGE);
		assert_int_equal(scene.view.sys, BRK_SIZE + HEAP_SIZE + 13 * PAGE);
		assert_int_equal(scene.view.resident, BRK_SIZE + HEAP_SIZE + 7 * PAGE);
		assert_int_equal(scene.view.swapped, PAGE);
		end(&scene);
	}
}

static void a_sum_that_glibc_counts_too_high_is_put_right(void **state)
{
	struct scene scene;
	uint64_t usable;

	(void)state;
	start(&scene, &versions[2]);
	usable = put_mmapped(&scene, MAPPED, 10, 0);
	set_mmapped(&scene, 1, 10 * PAGE + 5 * 16);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.mmapped, 10 * PAGE);
	assert_int_equal(scene.view.sys, BRK_SIZE + HEAP_SIZE + 10 * PAGE);
	assert_int_equal(scene.view.alloc, 2 * 0xff8 + 0xf8 + usable);
	end(&scene);
}

static void mmapped_chunks_are_found_behind_memory_of_others_and_with_an_alignment(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		struct scene scene;
		uint64_t usable;

		start(&scene, &versions[i]);
		for (uint64_t at = MAPPED; at < MAPPED + 20 * PAGE; at += 8)
			fake_put(&scene.fake, at, at);
		usable = put_mmapped(&scene, MAPPED + 20 * PAGE, 3, 0) + put_mmapped(&scene, MAPPED + 23 * PAGE, 4, 1024 - 16) +
			 put_mmapped(&scene, MAPPED + 27 * PAGE, 12, 5 * PAGE - 16);
		set_mmapped(&scene, 3, 19 * PAGE);
		assert_int_equal(run(&scene), 0);
		assert_int_equal(scene.view.alloc, 2 * 0xff8 + 0xf8 + usable);
		assert_int_equal(scene.view.resident, BRK_SIZE + HEAP_SIZE + 19 * PAGE);
		end(&scene);
	}
}

static void what_was_found_once_is_not_searched_for_again(void **state)
{
	struct scene scene;
	unsigned int reads;

	(void)state;
	start(&scene, &versions[1]);
	put_mmapped(&scene, MAPPED + 60 * PAGE, 3, 0);
	set_mmapped(&scene, 1, 3 * PAGE);
	assert_int_equal(run(&scene), 0);
	reads = scene.fake.reads;
	scene.before = scene.owned;
	scene.owned = (struct owned){ 0 };
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.resident, BRK_SIZE + HEAP_SIZE + 3 * PAGE);
	assert_true(scene.fake.reads < 2 * reads); /* in all */
	/* it was given back, and there is another */
	memset(fake_at(&scene.fake, MAPPED + 60 * PAGE), 0, 16);
	put_mmapped(&scene, MAPPED + 10 * PAGE, 3, 0);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.owned.n, 3);
	assert_true(owned_from(&scene.owned, MAPPED)->start == MAPPED + 10 * PAGE);
	owned_free(&scene.before);
	end(&scene);
}

static void what_is_resident_is_unknown_where_mmapped_chunks_are_not_found(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene, &versions[1]);
	set_mmapped(&scene, 2, 50 * PAGE);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.alloc, 2 * 0xff8 + 0xf8 + 50 * PAGE - 2 * 16);
	assert_true(scene.view.resident == UNKNOWN);
	assert_true(scene.view.swapped == UNKNOWN);
	assert_int_equal(scene.view.mmapped, 50 * PAGE);
	end(&scene);
}

static void a_hostile_mmapped_chunk_is_none(void **state)
{
	static const uint64_t heads[] = { 2, 0x1003, 0x1006, 0x1012, (MAPPED_SIZE + PAGE) | 2, UINT64_MAX, (1ULL << 63) | 2, 0x1000 };
	struct scene scene;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		start(&scene, &versions[1]);
		fake_put(&scene.fake, MAPPED + 8, heads[i]);
		set_mmapped(&scene, 1, 50 * PAGE);
		assert_int_equal(run(&scene), 0);
		assert_true(scene.view.resident == UNKNOWN);
		end(&scene);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(mmapped_chunks_are_found_and_count_with_what_is_usable),
		cmocka_unit_test(a_sum_that_glibc_counts_too_high_is_put_right),
		cmocka_unit_test(mmapped_chunks_are_found_behind_memory_of_others_and_with_an_alignment),
		cmocka_unit_test(what_was_found_once_is_not_searched_for_again),
		cmocka_unit_test(what_is_resident_is_unknown_where_mmapped_chunks_are_not_found),
		cmocka_unit_test(a_hostile_mmapped_chunk_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
