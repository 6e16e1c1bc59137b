// SPDX-License-Identifier: GPL-2.0-only
/* The heap of a made-up process with musl's allocator. */
#include "tests/unit/helpers.h"

#include "tests/unit/musl_image.h"

static void the_state_is_found_by_what_is_in_it(void **state)
{
	(void)state;
	for (int has_page_size = 0; has_page_size < 2; has_page_size++) {
		struct scene scene;

		start(&scene, has_page_size);
		assert_int_equal(scene.context.address, CONTEXT);
		assert_int_equal(scene.context.has_page_size, has_page_size);
		assert_int_equal(scene.context.secret, SECRET);
		assert_int_equal(scene.context.first_area, AREA);
		end(&scene);
	}
}

static void what_is_damaged_is_no_state(void **state)
{
	static const unsigned int words[] = { 0, 8, 24, 32, 40, 48, 56, 64, 72, 80, 80 + 8 * 47 };
	struct context context;
	struct scene scene;

	(void)state;
	start(&scene, false);
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		uint64_t before;

		memcpy(&before, fake_at(&scene.fake, CONTEXT + words[i]), 8);
		fake_put(&scene.fake, CONTEXT + words[i], 0x4141414141414141);
		assert_int_equal(find_in_range(&scene.fake.image, LIBC, LIBC + PAGE, &context), -ENOENT);
		fake_put(&scene.fake, CONTEXT + words[i], before);
	}
	fake_set_pages(&scene.fake, LIBC, 1, PAGE_ABSENT);
	assert_int_equal(find_in_range(&scene.fake.image, LIBC, LIBC + PAGE, &context), -ENOENT);
	end(&scene);
}

static void all_blocks_are_counted_at_the_size_that_was_asked_for(void **state)
{
	(void)state;
	for (int has_page_size = 0; has_page_size < 2; has_page_size++) {
		uint64_t bytes, resident;
		struct scene scene;

		start(&scene, has_page_size);
		assert_int_equal(run(&scene), 0);
		assert_int_equal(scene.view.alloc, scene.expected);
		assert_int_equal(scene.view.sys, PAGE + PAGE + 4 * PAGE + 16 + 96);
		assert_int_equal(scene.view.mmapped, 4 * PAGE);
		assert_int_equal(scene.view.resident, scene.view.sys);
		assert_int_equal(scene.view.resident_free, 5 * PAGE + 16 + 96 - scene.expected);
		assert_int_equal(scene.view.pinned, scene.view.resident_free);
		assert_int_equal(scene.view.trimmable, 0);
		owned_sum(&scene.owned, MAPPED, MAPPED + MAPPED_PAGES * PAGE, &bytes, &resident);
		assert_int_equal(bytes, 5 * PAGE);
		assert_int_equal(resident, 5 * PAGE);
		owned_sum(&scene.owned, 0, UINT64_MAX, &bytes, &resident);
		assert_int_equal(bytes, scene.view.sys);
		end(&scene);
	}
}

/* Of the large block the header, and where it ends, are there. */
static void memory_that_is_not_there_is_neither_read_nor_resident(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene, false);
	fake_set_pages(&scene.fake, LARGE + PAGE, 2, PAGE_ABSENT);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.alloc, scene.expected);
	assert_int_equal(scene.view.resident, scene.view.sys - (int64_t)(2 * PAGE));
	fake_set_pages(&scene.fake, LARGE + PAGE, 2, PAGE_SWAPPED);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.swapped, 2 * PAGE);
	end(&scene);
}

/* aligned_alloc(): what is 65536 units or more into the group says so in another way; how far into the slot has 16 bits alone. */
static void a_block_may_be_far_into_its_slot(void **state)
{
	static const uint64_t far[] = { 0x8000, 0x10000, 0x1fff0, 0x20000, 0x30001 };
	uint64_t pages = MAPPED_PAGES - 32, group = MAPPED + 32 * PAGE;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(far); i++) {
		struct scene scene;
		uint64_t start_of_slot = group + 16, block = start_of_slot + 16 * far[i], slot_end_of = group + pages * PAGE - 4;

		start(&scene, false);
		put_meta(&scene, group, 1, CLASS_LARGE, pages, false);
		put_context(&scene, AREA, scene.metas);
		fake_put16(&scene.fake, start_of_slot - 2, (uint16_t)far[i]);
		fake_put8(&scene.fake, start_of_slot - 3, 7 << 5);
		fake_put16(&scene.fake, block - 2, far[i] > UINT16_MAX ? 0 : (uint16_t)far[i]);
		if (far[i] > UINT16_MAX) {
			fake_put32(&scene.fake, block - 8, (uint32_t)far[i]);
			fake_put8(&scene.fake, block - 4, 1);
		}
		fake_put8(&scene.fake, block - 3, 5 << 5);
		fake_put32(&scene.fake, slot_end_of - 4, 1000);
		assert_int_equal(run(&scene), 0);
		assert_int_equal(scene.view.alloc, scene.expected + slot_end_of - 1000 - block);
		end(&scene);
	}
}

static void all_pages_of_meta_data_are_read(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene, false);
	put_area(&scene, AREA, AREA + PAGE);
	put_area(&scene, AREA + PAGE, 0);
	scene.metas = (PAGE + 0) / 40; /* the second one's first: 24 bytes into it, as 4096 / 40 leaves 16 */
	fake_put(&scene.fake, AREA + PAGE + 24 + 16, MAPPED + 64 * PAGE);
	fake_put(&scene.fake, AREA + PAGE + 24 + 32, 32 | CLASS_LARGE << 6 | 2ULL << 12);
	fake_put(&scene.fake, MAPPED + 64 * PAGE, AREA + PAGE + 24);
	put_block(&scene, MAPPED + 64 * PAGE, 2 * PAGE - 16, 0, 0, 5000);
	put_context(&scene, AREA + PAGE, 1);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.alloc, scene.expected);
	end(&scene);
}

static void pages_of_meta_data_in_a_ring_are_an_error(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene, false);
	put_area(&scene, AREA, AREA);
	assert_int_equal(run(&scene), -EAGAIN);
	end(&scene);
}

static void another_program_since_is_not_read(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene, false);
	fake_put(&scene.fake, CONTEXT, SECRET + 1);
	fake_put(&scene.fake, AREA, SECRET + 1);
	assert_int_equal(run(&scene), -EAGAIN);
	end(&scene);
}

static void no_time_is_an_error(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene, false);
	assert_int_equal(read_musl(&scene.fake.image, &scene.context, &(struct heap_budget){ 0 }, &scene.owned, &scene.view), -ETIME);
	end(&scene);
}

/* Its slot is taken, its header not written yet; or it is as free() leaves it. */
static void a_block_that_is_about_to_come_or_go_is_none(void **state)
{
	struct scene scene;
	uint64_t slot = PARENT + 16 + 496 * 2;

	(void)state;
	start(&scene, false);
	fake_put8(&scene.fake, slot - 3, 7 << 5);
	fake_put8(&scene.fake, slot + 32 - 3, 255);
	fake_put16(&scene.fake, slot + 32 - 2, 0);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.alloc, scene.expected - 448);
	end(&scene);
}

static void many_slots_without_a_block_are_no_heap(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene, false);
	for (unsigned int i = 0; i < 3; i++)
		put_meta(&scene, MAPPED + (64 + i) * PAGE, 31, CLASS_48, 1, false);
	put_context(&scene, AREA, scene.metas);
	assert_int_equal(run(&scene), -EAGAIN);
	end(&scene);
}

/* From the walk's first look at the groups on. */
static void free_all_of_the_parent(struct fake *fake)
{
	if (fake->reads < 6)
		return;
	put_masks(fake, meta_address(0), 1 << 6, 0xbe);
	for (unsigned int i = 1; i < 8; i++)
		memset(fake_at(fake, PARENT + 16 + 496 * i - 4), 0xff, 52);
}

static void what_is_freed_during_the_walk_counts_as_what_it_may_have_had(void **state)
{
	struct scene scene;
	int64_t freed = 450 * 5 - (1 + 2 + 3 + 4 + 7);

	(void)state;
	start(&scene, false);
	scene.fake.reads = 0;
	scene.fake.before_read = free_all_of_the_parent;
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.alloc, (int64_t)scene.expected - freed + 5 * (492 - 49));
	end(&scene);
}

/* Whatever one word is: it ends, and tells of no more than there is. */
static void no_word_leads_out_of_the_heap(void **state)
{
	static const uint64_t words[] = { 0, 1, 5, 0x10, 0xff, 0xe0000000, 0xffff, PAGE, AREA, AREA + 24, MAPPED, PARENT + 16, LARGE,
					  1ULL << 47, UINT64_MAX, UINT64_MAX << 12, 0xffffffff, 0xa0000000, 32 | CLASS_LARGE << 6 };
	static const struct range ranges[] = { { CONTEXT, CONTEXT + 936 }, { AREA, AREA + 24 + 40 * 5 }, { PARENT, PARENT + 1100 },
					       { LARGE, LARGE + 128 }, { LARGE + 4 * PAGE - 16, LARGE + 4 * PAGE } };
	struct scene scene;

	(void)state;
	start(&scene, false);
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
				assert_true(result || scene.view.resident <= (int64_t)(5 * MAPPED_PAGES * PAGE));
			}
			fake_put(&scene.fake, at, before);
		}
	}
	end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_state_is_found_by_what_is_in_it),
		cmocka_unit_test(what_is_damaged_is_no_state),
		cmocka_unit_test(all_blocks_are_counted_at_the_size_that_was_asked_for),
		cmocka_unit_test(memory_that_is_not_there_is_neither_read_nor_resident),
		cmocka_unit_test(a_block_may_be_far_into_its_slot),
		cmocka_unit_test(all_pages_of_meta_data_are_read),
		cmocka_unit_test(pages_of_meta_data_in_a_ring_are_an_error),
		cmocka_unit_test(another_program_since_is_not_read),
		cmocka_unit_test(no_time_is_an_error),
		cmocka_unit_test(a_block_that_is_about_to_come_or_go_is_none),
		cmocka_unit_test(many_slots_without_a_block_are_no_heap),
		cmocka_unit_test(what_is_freed_during_the_walk_counts_as_what_it_may_have_had),
		cmocka_unit_test(no_word_leads_out_of_the_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
