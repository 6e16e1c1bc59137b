// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <locale.h>
#include <math.h>

#include "user/base/units.h"
#include "user/screen/view.h"

#define MIB (1LL << 20)
#define TEXT_MAX 1024

static struct snapshot process(pid_t pid, const char *comm, const char *cgroup, int64_t gap, int64_t rss)
{
	struct snapshot snapshot;

	snapshot_init(&snapshot);
	snapshot.target.kind = TARGET_PROCESS;
	snapshot.target.pid = pid;
	snapshot.target.processes = 1;
	strcpy(snapshot.target.comm, comm);
	strcpy(snapshot.target.cgroup, cgroup);
	snapshot.gap.bytes = gap;
	snapshot.kernel.rss = rss;
	return snapshot;
}

static struct snapshot cgroup(const char *path, int64_t gap, int64_t rss, int64_t processes)
{
	struct snapshot snapshot = process(0, "", path, gap, rss);

	snapshot.target.kind = TARGET_CGROUP;
	snapshot.target.processes = processes;
	return snapshot;
}

static void add(struct view *view, struct snapshot snapshot)
{
	view_add(view, &snapshot);
}

static void assert_shown(const struct view *view, const char *expected)
{
	char text[TEXT_MAX] = "";

	for (size_t i = 0; i < view->n_shown; i++) {
		const struct view_row *row = view->shown[i];

		strcat(text, i ? " " : "");
		strcat(text, row->parent ? "." : "");
		strcat(text, row->parent ? row->short_name : row->name);
	}
	assert_string_equal(text, expected);
}

static struct view_row *row_named(const struct view *view, const char *name)
{
	for (size_t i = 0; i < view->n_rows; i++)
		if (!strcmp(view->rows[i]->name, name))
			return view->rows[i];
	fail_msg("no row %s", name);
	return NULL;
}

static void add_three(struct view *view)
{
	add(view, process(1, "a", "", 5 * MIB, 9 * MIB));
	add(view, process(2, "b", "", UNKNOWN, 20 * MIB));
	add(view, process(3, "c", "", -7 * MIB, 30 * MIB));
	view_end_interval(view);
}

static void what_is_not_known_comes_last_in_either_order(void **state)
{
	struct view view;

	(void)state;
	view_init(&view);
	add_three(&view);
	assert_shown(&view, "a[1] c[3] b[2]");
	view.reverse = true;
	view_arrange(&view);
	assert_shown(&view, "c[3] a[1] b[2]");
	view_free(&view);
}

static void each_column_sorts(void **state)
{
	static const struct {
		enum view_column column;
		const char *shown;
	} rows[] = {
		{ VIEW_TARGET, "a[1] b[2]" },	 { VIEW_VERDICT, "b[2] a[1]" }, { VIEW_ALLOC, "b[2] a[1]" },   { VIEW_RSS, "a[1] b[2]" },
		{ VIEW_GAP, "b[2] a[1]" },	 { VIEW_PERCENT, "a[1] b[2]" }, { VIEW_CGROUP, "b[2] a[1]" },  { VIEW_LIMIT, "a[1] b[2]" },
		{ VIEW_TRIMMABLE, "b[2] a[1]" },
	};
	struct snapshot a = process(1, "a", "", 1, 2), b = process(2, "b", "", 2, 1);
	struct view view;

	(void)state;
	a.gap.verdict = VERDICT_RETAINED;
	b.gap.verdict = VERDICT_GROWING;
	a.allocator.alloc = 1;
	b.allocator.alloc = 2;
	a.gap.percent = 3;
	b.gap.percent = 2.9;
	a.kernel.cgroup.current = b.kernel.cgroup.limit = a.gap.trimmable = 1;
	b.kernel.cgroup.current = a.kernel.cgroup.limit = b.gap.trimmable = 2;
	view_init(&view);
	view_add(&view, &a);
	view_add(&view, &b);
	view_end_interval(&view);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		view.sort = rows[i].column;
		view_arrange(&view);
		assert_shown(&view, rows[i].shown);
	}
	assert_int_equal(COUNT_OF(rows), VIEW_COLUMNS);
	view_free(&view);
}

static void the_next_column_goes_round_the_corner_and_is_not_reversed(void **state)
{
	struct view view;

	(void)state;
	view_init(&view);
	view.sort = VIEW_TARGET;
	view.reverse = true;
	view_sort_next(&view, -1);
	assert_int_equal(view.sort, VIEW_TRIMMABLE);
	assert_false(view.reverse);
	view_sort_next(&view, 1);
	assert_int_equal(view.sort, VIEW_TARGET);
}

static void a_selection_is_of_a_target_once_it_was_moved(void **state)
{
	struct view view;

	(void)state;
	view_init(&view);
	add_three(&view);
	assert_string_equal(view.selected->name, "a[1]");
	view.sort = VIEW_RSS;
	view_arrange(&view);
	assert_string_equal(view.selected->name, "c[3]");
	view_move(&view, 1);
	assert_string_equal(view.selected->name, "b[2]");
	view.sort = VIEW_GAP;
	view_arrange(&view);
	assert_string_equal(view.selected->name, "b[2]");
	assert_int_equal(view.selected_at, 2);
	view_move(&view, 100);
	assert_int_equal(view.selected_at, 2);
	view_move(&view, -100);
	assert_int_equal(view.selected_at, 0);
	view_free(&view);
}

static void where_the_selected_one_goes_the_next_is_selected(void **state)
{
	struct view view;

	(void)state;
	view_init(&view);
	add_three(&view);
	view_move(&view, 1); /* c */
	add(&view, process(1, "a", "", 5 * MIB, 9 * MIB));
	add(&view, process(2, "b", "", UNKNOWN, 20 * MIB));
	view_end_interval(&view);
	assert_shown(&view, "a[1] b[2]");
	assert_string_equal(view.selected->name, "b[2]");
	view_end_interval(&view);
	assert_shown(&view, "");
	assert_null(view.selected);
	view_move(&view, 1);
	view_free(&view);
}

static void processes_stand_below_the_nearest_expanded_cgroup(void **state)
{
	struct view view;

	(void)state;
	view_init(&view);
	add(&view, cgroup("/x", 9, 9, 3));
	add(&view, cgroup("/x/y", 20, 5, 1));
	add(&view, cgroup("/xy", 1, 1, 1));
	add(&view, process(1, "p", "/x", 1, 1));
	add(&view, process(2, "q", "/x/y/z", 5, 5));
	add(&view, process(3, "r", "/xy", 2, 1));
	add(&view, process(4, "s", "/x", 3, 1));
	row_named(&view, "/x")->expanded = true;
	view_end_interval(&view);
	assert_shown(&view, "/x/y /x .q[2] .s[4] .p[1] r[3] /xy");
	row_named(&view, "/x/y")->expanded = true;
	view_arrange(&view);
	assert_shown(&view, "/x/y .q[2] /x .s[4] .p[1] r[3] /xy");
	view.reverse = true;
	view_arrange(&view);
	assert_shown(&view, "/xy r[3] /x .p[1] .s[4] /x/y .q[2]");
	row_named(&view, "/x")->expanded = row_named(&view, "/x/y")->expanded = false;
	view_arrange(&view);
	assert_null(row_named(&view, "q[2]")->parent);
	view_free(&view);
}

static void a_filter_shows_names_verdicts_and_what_they_are_found_in(void **state)
{
	static const struct {
		const char *filter, *shown;
	} rows[] = {
		{ "", "/x .q[2] .p[1] /z" }, { "P[", "/x .p[1]" }, { "/X", "/x .q[2] .p[1]" }, { "GROW", "/z" }, { "nothing", "" },
	};
	struct snapshot growing = cgroup("/z", 1, 1, 1);
	struct view view;

	(void)state;
	view_init(&view);
	add(&view, cgroup("/x", 9, 9, 2));
	add(&view, process(1, "p", "/x", 1, 1));
	add(&view, process(2, "q", "/x", 5, 5));
	growing.gap.verdict = VERDICT_GROWING;
	view_add(&view, &growing);
	row_named(&view, "/x")->expanded = true;
	view_end_interval(&view);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		strcpy(view.filter, rows[i].filter);
		view_arrange(&view);
		assert_shown(&view, rows[i].shown);
	}
	view_free(&view);
}

static void totals_count_nothing_twice(void **state)
{
	struct view_totals totals;
	struct view view;

	(void)state;
	view_init(&view);
	totals = view_sum(&view);
	assert_int_equal(totals.targets, 0);
	assert_true(totals.rss == UNKNOWN && totals.gap == UNKNOWN);
	add(&view, cgroup("/", UNKNOWN, 100, 5));
	add(&view, cgroup("/x", 30, 60, 3));
	add(&view, cgroup("/x/y", 20, 50, 2));
	add(&view, cgroup("/z", 4, 10, 1));
	view_end_interval(&view);
	totals = view_sum(&view);
	assert_int_equal(totals.targets, 4);
	assert_int_equal(totals.rss, 100);
	assert_int_equal(totals.gap, 34);
	assert_int_equal(totals.processes, 5);
	view_free(&view);
}

static void a_screen_scrolls_to_the_selected_row_and_has_no_empty_lines(void **state)
{
	struct view view;

	(void)state;
	view_init(&view);
	for (int i = 1; i <= 20; i++)
		add(&view, process(i, "p", "", 100 - i, 1));
	view_end_interval(&view);
	view_scroll(&view, 5);
	assert_int_equal(view.top, 0);
	view_move(&view, 9);
	view_scroll(&view, 5);
	assert_int_equal(view.top, 5);
	view_move(&view, -2);
	view_scroll(&view, 5);
	assert_int_equal(view.top, 5);
	view_move(&view, 100);
	view_scroll(&view, 5);
	assert_int_equal(view.top, 15);
	view_scroll(&view, 30);
	assert_int_equal(view.top, 0);
	view_scroll(&view, 0);
	view_free(&view);
}

static void a_path_is_below_another_by_whole_names(void **state)
{
	static const struct {
		const char *path, *cgroup;
		bool below;
	} rows[] = {
		{ "/x/y", "/x", true }, { "/x", "/x", true },  { "/xy", "/x", false }, { "/x", "/x/y", false },
		{ "/x", "/", true },	{ "/", "/", true },    { "", "/", false },     { "/x", "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i].path, view_is_below(rows[i].path, rows[i].cgroup) == rows[i].below);
}

static void a_line_moves_on_and_stands_for_more_as_it_grows(void **state)
{
	static struct sparkline_points points;
	char text[SPARKLINE_TEXT_MAX];

	(void)state;
	sparkline_draw(&points, 4, 0, false, text);
	assert_string_equal(text, "    ");
	sparkline_add(&points, 0);
	sparkline_add(&points, UNKNOWN);
	sparkline_add(&points, 50);
	sparkline_draw(&points, 4, sparkline_most(&points), false, text);
	assert_string_equal(text, " ▁ █");
	sparkline_draw(&points, 4, 100, true, text);
	assert_string_equal(text, " _ =");
	sparkline_add(&points, 100);
	sparkline_add(&points, 25);
	sparkline_draw(&points, 4, 100, true, text);
	assert_string_equal(text, " _#:"); /* two each: 0 and -, 50 and 100, 25 */
	for (int i = 0; i < 3 * SPARKLINE_POINTS; i++)
		sparkline_add(&points, 10);
	assert_int_equal(sparkline_most(&points), 10);
	sparkline_draw(&points, SPARKLINE_MOST + 10, 10, true, text);
	assert_true(strlen(text) <= SPARKLINE_MOST);
	assert_int_equal(strspn(text, "# "), strlen(text));
	sparkline_draw(&points, 0, 10, true, text);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_known_comes_last_in_either_order),
		cmocka_unit_test(each_column_sorts),
		cmocka_unit_test(the_next_column_goes_round_the_corner_and_is_not_reversed),
		cmocka_unit_test(a_selection_is_of_a_target_once_it_was_moved),
		cmocka_unit_test(where_the_selected_one_goes_the_next_is_selected),
		cmocka_unit_test(processes_stand_below_the_nearest_expanded_cgroup),
		cmocka_unit_test(a_filter_shows_names_verdicts_and_what_they_are_found_in),
		cmocka_unit_test(totals_count_nothing_twice),
		cmocka_unit_test(a_screen_scrolls_to_the_selected_row_and_has_no_empty_lines),
		cmocka_unit_test(a_path_is_below_another_by_whole_names),
		cmocka_unit_test(a_line_moves_on_and_stands_for_more_as_it_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
