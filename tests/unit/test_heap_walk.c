// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "tests/unit/heap_scene.h"

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

/* Before glibc 2.32, read as a link of 2.32, it happens to. */
static void a_link_that_leads_to_a_chunk_of_that_size_the_wrong_way_is_not_followed(void **state)
{
	uint64_t heads[N_FASTBINS] = { 0 }, first = BASE, second = BASE + 0x40, astray = first ^ (second + 16) >> 12;
	struct scene scene;

	(void)state;
	start(&scene);
	fake_add(&scene.fake, BASE + SIZE, PAGE);
	fake_chunk(&scene.fake, first, 0x40, true);
	fake_chunk(&scene.fake, second, 0x40, true);
	fake_chunk(&scene.fake, astray, 0x40, true);
	heads[2] = second;
	fake_put(&scene.fake, second + 16, first);
	assert_int_equal(fastbins_collect(&scene.fake.image, heads, SIZE, monotonic_ns() + A_MINUTE, &scene.fast), 0);
	addresses_sort(&scene.fast);
	assert_int_equal(scene.fast.n, 2);
	assert_true(scene.fast.list[0] == first && scene.fast.list[1] == second);
	end(&scene);
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
	heads[3] = UINT64_MAX - 15;  /* no address */
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_that_are_handed_out_count_with_what_is_usable_of_them),
		cmocka_unit_test(a_free_chunk_gives_back_its_whole_pages_after_its_first_48_bytes),
		cmocka_unit_test(the_end_of_the_main_top_goes_back_but_for_a_chunk_and_the_rest_of_its_page),
		cmocka_unit_test(the_top_stays_where_others_have_the_memory_after_it_and_goes_in_huge_pages_where_glibc_wants_that),
		cmocka_unit_test(what_is_absent_is_neither_read_nor_counted),
		cmocka_unit_test(chunks_in_fastbins_are_free_and_make_whole_pages_with_their_neighbours),
		cmocka_unit_test(a_link_that_leads_to_a_chunk_of_that_size_the_wrong_way_is_not_followed),
		cmocka_unit_test(a_list_that_is_a_ring_or_leads_astray_is_followed_as_far_as_it_is_sound),
		cmocka_unit_test(memory_of_others_between_two_parts_of_the_main_arena_is_passed_over),
		cmocka_unit_test(a_heap_without_the_top_ends_in_a_fencepost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
