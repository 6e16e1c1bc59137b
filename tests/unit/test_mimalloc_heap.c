// SPDX-License-Identifier: GPL-2.0-only
/* The heap of a made-up process with mimalloc 2.0.9, read from outside. */
#include "tests/unit/helpers.h"

#include "tests/unit/mimalloc_image.h"

static void segments_are_found_by_what_is_in_them(void **state)
{
	struct scene scene;
	uint64_t key;

	(void)state;
	start(&scene);
	assert_int_equal(find_key(&scene.fake.image, &scene.maps, &a_minute, &key), 0);
	assert_int_equal(key, KEY);
	fake_put(&scene.fake, SECOND + 216, KEY);
	assert_int_equal(find_key(&scene.fake.image, &scene.maps, &a_minute, &key), -EPROTO);
	for (uint64_t segment = FIRST; segment <= LARGE; segment += 32 * MIB)
		fake_put(&scene.fake, segment + 232, 2);
	assert_int_equal(find_key(&scene.fake.image, &scene.maps, &a_minute, &key), -ENOENT);
	end(&scene);
}

static void all_blocks_are_counted(void **state)
{
	uint64_t bytes, resident;
	struct scene scene;

	(void)state;
	start(&scene);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.alloc, ALL);
	assert_int_equal(scene.view.sys, 16 * SLICE + LARGE_SLICES * SLICE);
	assert_int_equal(scene.view.mmapped, LARGE_SLICES * SLICE);
	assert_int_equal(scene.view.resident, 3 * THERE);
	assert_int_equal(scene.view.pinned, SLICE - 6400 + 3 * SLICE - 5 * 20480);
	assert_int_equal(scene.view.resident_free, scene.view.pinned + (1 + 2 + 3) * (int64_t)SLICE);
	assert_int_equal(scene.view.trimmable, UNKNOWN);
	owned_sum(&scene.owned, SECOND, LARGE, &bytes, &resident);
	assert_int_equal(bytes, 32 * MIB);
	end(&scene);
}

static void an_empty_segment_is_free(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene);
	put_segment(&scene.fake, SECOND, 512, 0, false);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.alloc, ALL - 200000);
	assert_int_equal(scene.view.resident_free, SLICE - 6400 + 3 * SLICE - 5 * 20480 + 3 * SLICE + THERE);
	end(&scene);
}

static void what_other_threads_have_freed_is_not_in_use(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene);
	put_freed_lists(&scene);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.alloc, ALL - 3 * 64 - 20480 - 200000);
	end(&scene);
}

static void a_list_that_cannot_be_is_an_error(void **state)
{
	uint64_t small = FIRST + SLICE + 128;
	struct scene scene;

	(void)state;
	start(&scene);
	set_freed(&scene.fake, FIRST, 1, small);
	fake_put(&scene.fake, small, small);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, small, SECOND);
	assert_int_equal(run(&scene), -EAGAIN);
	set_freed(&scene.fake, FIRST, 1, 0);
	fake_put(&scene.fake, HEAP + 2840, FIRST);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, HEAP + 2840, small);
	fake_put(&scene.fake, small, small);
	assert_int_equal(run(&scene), -EAGAIN);
	end(&scene);
}

static void pages_that_do_not_fill_their_segment_are_an_error(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene);
	fake_put32(&scene.fake, FIRST + 264 + 80 * 5, 0);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put32(&scene.fake, FIRST + 264 + 80 * 5, 2);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put32(&scene.fake, FIRST + 264 + 80 * 5, 1);
	assert_int_equal(run(&scene), 0);
	fake_put32(&scene.fake, FIRST + 264 + 80 * 6, 507);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put32(&scene.fake, FIRST + 264 + 80 * 6, 506);
	fake_put(&scene.fake, FIRST + 208, 4);
	assert_int_equal(run(&scene), -EAGAIN);
	end(&scene);
}

static void no_time_is_an_error(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene);
	assert_int_equal(run_for(&scene, (uint64_t)-1), -ETIME);
	end(&scene);
}

/* Whatever one word is: it ends, and tells of no more than there is. */
static void no_word_leads_out_of_the_heap(void **state)
{
	static const uint64_t words[] = { 0, 1, 2, 512, 0xff, 0xffff, PAGE, HEAP, FIRST, FIRST + SLICE, SECOND + SLICE, LARGE,
					  UINT64_MAX, UINT64_MAX << 32, 0xffffffff, 1ULL << 47, KEY };
	static const struct range ranges[] = { { FIRST, FIRST + 264 + 80 * 8 }, { LARGE, LARGE + 264 + 80 * 3 },
					       { HEAP + 2840, HEAP + 2856 } };
	struct scene scene;

	(void)state;
	start(&scene);
	for (size_t r = 0; r < COUNT_OF(ranges); r++) {
		for (uint64_t at = ranges[r].start; at < ranges[r].end; at += 8) {
			uint64_t before;

			memcpy(&before, fake_at(&scene.fake, at), 8);
			for (size_t i = 0; i < COUNT_OF(words); i++) {
				int result;

				fake_put(&scene.fake, at, words[i]);
				scene.view.alloc = -1;
				result = run_for(&scene, 20000000);
				assert_true(result == 0 || result == -EAGAIN || result == -ETIME);
				assert_true(result ? scene.view.alloc == -1 : scene.view.alloc >= 0);
				assert_true(result || scene.view.resident <= (int64_t)(3 * THERE));
				assert_true(result || scene.view.resident_free <= scene.view.resident);
			}
			fake_put(&scene.fake, at, before);
		}
	}
	end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_are_found_by_what_is_in_them),
		cmocka_unit_test(all_blocks_are_counted),
		cmocka_unit_test(an_empty_segment_is_free),
		cmocka_unit_test(what_other_threads_have_freed_is_not_in_use),
		cmocka_unit_test(a_list_that_cannot_be_is_an_error),
		cmocka_unit_test(pages_that_do_not_fill_their_segment_are_an_error),
		cmocka_unit_test(no_time_is_an_error),
		cmocka_unit_test(no_word_leads_out_of_the_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
