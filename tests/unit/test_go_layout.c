// SPDX-License-Identifier: GPL-2.0-only
/* What a Go runtime's own books say, and that only those which balance are believed. */
#include "tests/unit/helpers.h"

#include "tests/unit/go_books.h"

static void books_that_balance_tell_their_version_and_figures(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		struct books books = books_make(&versions[i]);
		const struct go_layout *layout = layout_find(books.controller, books.memstats);
		struct go_view view;

		check_row(versions[i].versions, layout && !strcmp(layout_versions(layout), versions[i].versions));
		assert_int_equal(layout_view(layout, books.controller, books.memstats, &view), 0);
		assert_int_equal(view.alloc, 90 * MIB);
		assert_int_equal(view.total_alloc, 200 * MIB);
		assert_int_equal(view.sys, 159 * MIB);
		assert_int_equal(view.heap_in_use, 100 * MIB);
		assert_int_equal(view.heap_idle_kept, 20 * MIB);
		assert_int_equal(view.heap_released, 30 * MIB);
		assert_int_equal(view.num_gc, 7);
		assert_int_equal(view.pause_total_ns, 123456789);
		assert_int_equal(view.gc_percent, 50);
		assert_false(is_known(view.memory_limit));
	}
}

static void a_limit_and_a_collector_that_is_off_are_told(void **state)
{
	struct books books = books_make(&versions[0]);
	const int32_t off = -1;
	struct go_view view;

	(void)state;
	memcpy(books.controller, &off, sizeof(off));
	put(books.controller + 8, 512 * MIB);
	assert_int_equal(layout_view(layout_find(books.controller, books.memstats), books.controller, books.memstats, &view), 0);
	assert_int_equal(view.gc_percent, -1);
	assert_int_equal(view.memory_limit, 512 * MIB);
}

/* What is not to be in books, and where: in the newest layout. */
static void books_that_do_not_balance_are_not_believed(void **state)
{
	const struct go_version_layout *v = &versions[0];
	const struct {
		const char *name;
		bool in_memstats;
		size_t at;
		int64_t value;
	} rows[] = {
		{ "a byte too much", false, v->heap_in_use, 100 * MIB + 1 },
		{ "a stack not counted yet", true, 24, 6 * MIB },
		{ "less than nothing in use", false, v->heap_in_use, -1 },
		{ "less than nothing given back", false, v->heap_in_use + 8, INT64_MIN },
		{ "more than there is address space", false, v->heap_in_use, INT64_MAX },
		{ "more freed than allocated", false, v->total_alloc + 8, 201 * MIB },
		{ "less than nothing allocated", false, v->total_alloc, INT64_MIN },
		{ "less than nothing freed", false, v->total_alloc + 8, INT64_MIN },
		{ "less than nothing mapped", false, v->total_alloc + 16, INT64_MIN },
		{ "a sum that overflows", true, v->stacks_sys, INT64_MAX },
		{ "less than nothing from the kernel", true, v->stacks_sys, INT64_MIN },
		{ "less than no pause", true, v->pause_total_ns, -1 },
		{ "parts whose sum is negative", true, v->heap_stats_bytes + 24, INT64_MIN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct books books = books_make(v);
		const struct go_layout *layout = layout_find(books.controller, books.memstats);
		struct go_view view = { .alloc = 99 };

		put((rows[i].in_memstats ? books.memstats : books.controller) + rows[i].at, rows[i].value);
		check_row(rows[i].name, layout_view(layout, books.controller, books.memstats, &view) == -EAGAIN && view.alloc == 99);
		check_row(rows[i].name, !layout_find(books.controller, books.memstats));
	}
}

static void what_is_no_runtime_has_no_layout(void **state)
{
	struct books books = { .controller = { 0 } };

	(void)state;
	assert_null(layout_find(books.controller, books.memstats));
	memset(&books, 0xff, sizeof(books));
	assert_null(layout_find(books.controller, books.memstats));
	memset(&books, 0x01, sizeof(books));
	assert_null(layout_find(books.controller, books.memstats));
}

static void a_runtime_that_has_not_started_is_told_from_an_unknown_one(void **state)
{
	struct books books = { .controller = { 0 } };

	(void)state;
	assert_true(layout_is_unset(books.controller));
	books = books_make(&versions[0]);
	assert_false(layout_is_unset(books.controller));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(books_that_balance_tell_their_version_and_figures),
		cmocka_unit_test(a_limit_and_a_collector_that_is_off_are_told),
		cmocka_unit_test(books_that_do_not_balance_are_not_believed),
		cmocka_unit_test(what_is_no_runtime_has_no_layout),
		cmocka_unit_test(a_runtime_that_has_not_started_is_told_from_an_unknown_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
