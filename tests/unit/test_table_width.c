// SPDX-License-Identifier: GPL-2.0-only
/* What fits into how many columns. */
#include "tests/unit/helpers.h"

#include <math.h>

#include "tests/unit/table_page.h"

static void in_80_columns_are_what_matters_most_and_the_end_of_the_name(void **state)
{
	struct snapshot snapshot = known_snapshot();

	(void)state;
	assert_tables(&snapshot, 1, 80,
		      "TARGET                     ALLOC      RSS       GAP   CGROUP    LIMIT VERDICT\n"
		      "…/web/redis-server[123]   30 MiB   75 MiB    45 MiB   80 MiB  100 MiB in-use\n");
}

static void in_fewer_columns_the_least_important_are_left_out(void **state)
{
	struct snapshot snapshot = known_snapshot();

	(void)state;
	assert_tables(&snapshot, 1, 60,
		      "TARGET                   ALLOC      RSS       GAP VERDICT\n"
		      "…eb/redis-server[123]   30 MiB   75 MiB    45 MiB in-use\n");
	assert_tables(&snapshot, 1, 40,
		      "TARGET          ALLOC      RSS       GAP\n"
		      "…server[123]   30 MiB   75 MiB    45 MiB\n");
	assert_tables(&snapshot, 1, 20,
		      "TARGET           GAP\n"
		      "…rver[123]    45 MiB\n");
	assert_tables(&snapshot, 1, 10, "TARGET    \n"
					"…rver[123]\n");
	assert_tables(&snapshot, 1, 1, "…\n…\n");
}

static void a_wider_terminal_has_more_columns_and_longer_names(void **state)
{
	struct snapshot snapshot = known_snapshot();

	(void)state;
	assert_tables(&snapshot, 1, 120,
		      "TARGET                              ALLOC      RSS       GAP  GAP%   CGROUP    LIMIT TRIMMABLE      SYS PROCS "
		      "VERDICT\n"
		      "shop/web-0/web/redis-server[123]   30 MiB   75 MiB    45 MiB    60   80 MiB  100 MiB    38 MiB   72 MiB     1 "
		      "in-use\n");
}

static void why_has_the_rest_of_a_wide_line(void **state)
{
	struct snapshot snapshots[] = { known_snapshot(), known_snapshot(), known_snapshot() };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(snapshots); i++)
		snapshots[i].target.pod[0] = snapshots[i].target.pod_namespace[0] = '\0';
	strcpy(snapshots[1].gap.why, "12 MiB (30 %) of a gap, a\tb");
	strcpy(snapshots[2].gap.why, "");
	/* web/redis-server[123] and all but WHY take 122 */
	assert_tables(snapshots, COUNT_OF(snapshots), 143,
		      "TARGET                   ALLOC      RSS       GAP  GAP%   CGROUP    LIMIT TRIMMABLE      SYS PROCS PSI%  MISSED "
		      "VERDICT    WHY\n"
		      "web/redis-server[123]   30 MiB   75 MiB    45 MiB    60   80 MiB  100 MiB    38 MiB   72 MiB     1  2.5       0 "
		      "in-use     for a reason\n"
		      "web/redis-server[123]   30 MiB   75 MiB    45 MiB    60   80 MiB  100 MiB    38 MiB   72 MiB     1  2.5       0 "
		      "in-use     12 MiB (30 %) of a …\n"
		      "web/redis-server[123]   30 MiB   75 MiB    45 MiB    60   80 MiB  100 MiB    38 MiB   72 MiB     1  2.5       0 "
		      "in-use\n");
	/* less than 20 for it say nothing */
	assert_tables(snapshots, 1, 142,
		      "TARGET                   ALLOC      RSS       GAP  GAP%   CGROUP    LIMIT TRIMMABLE      SYS PROCS PSI%  MISSED "
		      "VERDICT\n"
		      "web/redis-server[123]   30 MiB   75 MiB    45 MiB    60   80 MiB  100 MiB    38 MiB   72 MiB     1  2.5       0 "
		      "in-use\n");
	assert_tables(snapshots + 1, 1, 200,
		      "TARGET                   ALLOC      RSS       GAP  GAP%   CGROUP    LIMIT TRIMMABLE      SYS PROCS PSI%  MISSED "
		      "VERDICT    WHY\n"
		      "web/redis-server[123]   30 MiB   75 MiB    45 MiB    60   80 MiB  100 MiB    38 MiB   72 MiB     1  2.5       0 "
		      "in-use     12 MiB (30 %) of a gap, a?b\n");
}

static void where_no_width_is_given_nothing_is_cut_and_all_figures_are_there(void **state)
{
	struct snapshot snapshot = known_snapshot();
	char path[701], expected[2000];

	(void)state;
	memset(path, 'p', 700);
	path[0] = '/';
	path[700] = '\0';
	snapshot.target = cgroup_target();
	strcpy(snapshot.target.cgroup, path);
	snprintf(expected, sizeof(expected), "%-700s%s%s%s", "TARGET",
		 "    ALLOC      RSS       GAP  GAP%   CGROUP    LIMIT TRIMMABLE      SYS PROCS PSI%  MISSED VERDICT\n", path,
		 "   30 MiB   75 MiB    45 MiB    60   80 MiB  100 MiB    38 MiB   72 MiB     3  2.5       0 in-use\n");
	assert_tables(&snapshot, 1, 0, expected);
}

/* x, a cgroup's name in Chinese (two columns each), letters with a combining accent, and a name longer than its part. */
static void lines_fit_whatever_the_width_and_the_names(void **state)
{
	static const char *const names[] = { "x", "/数据库数据库数据库数据库数据库", "/e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301",
					     "/a/very/long/path/of/a/cgroup/somewhere/below/system.slice/x.service" };

	(void)state;
	for (int columns = 1; columns <= 250; columns++) {
		struct page page;
		char *text, *rest, *line;
		size_t n = 0;

		begin(&page, columns, false);
		for (size_t i = 0; i < COUNT_OF(names); i++) {
			struct snapshot snapshot = known_snapshot();

			snapshot.target = cgroup_target();
			strcpy(snapshot.target.cgroup, names[i]);
			memset(snapshot.gap.why, 'w', 200);
			output_snapshot(&page.output, &snapshot);
		}
		rest = text = end(&page);
		while ((line = strsep(&rest, "\n")) && rest) {
			n++;
			if (text_width(line) > (size_t)columns || !text_is_utf8(line))
				fail_msg("%d columns: %zu in \"%s\"", columns, text_width(line), line);
			/* where WHY begins, every row fills the line */
			if (columns > 200)
				assert_true(n == 1 || text_width(line) == (size_t)columns);
		}
		assert_int_equal(n, 1 + COUNT_OF(names));
		free(text);
	}
}

static void a_name_is_cut_between_characters_that_are_counted_as_the_terminal_does(void **state)
{
	struct snapshot snapshot = known_snapshot();

	(void)state;
	snapshot.target = cgroup_target();
	strcpy(snapshot.target.cgroup, "/äöüäöü");
	assert_tables(&snapshot, 1, 6, "TARGET\n…öüäöü\n");
	strcpy(snapshot.target.cgroup, "/数据库ab");
	assert_tables(&snapshot, 1, 6, "TARGET\n…库ab \n"); /* half a character more would fit */
}

/* Else columns would jump from table to table. */
static void tables_of_one_run_are_as_wide_as_the_longest_name_was(void **state)
{
	struct snapshot names[] = { blank("workload"), blank("x") };
	struct page page;

	(void)state;
	begin(&page, 30, false);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		output_snapshot(&page.output, &names[i]);
		output_interval(&page.output);
	}
	assert_page(&page, "TARGET           RSS       GAP\nworkload[1]        -         -\n"
			   "\n"
			   "TARGET           RSS       GAP\nx[1]               -         -\n");
}

static void the_width_may_change_between_two_tables(void **state)
{
	struct snapshot snapshot = blank("x");
	struct page page;

	(void)state;
	begin(&page, 20, false);
	for (int columns = 20; columns <= 30; columns += 10) {
		page.output.terminal.columns = columns;
		output_snapshot(&page.output, &snapshot);
		output_interval(&page.output);
	}
	assert_page(&page, "TARGET       GAP\nx[1]           -\n\nTARGET      RSS       GAP\nx[1]          -         -\n");
}

static void huge_figures_keep_to_their_columns(void **state)
{
	struct snapshot snapshot = blank("x");

	(void)state;
	snapshot.allocator.alloc = snapshot.kernel.rss = 1023 * MIB;
	snapshot.allocator.sys = snapshot.kernel.cgroup.current = snapshot.kernel.cgroup.limit = INT64_MAX;
	snapshot.gap.trimmable = 1022 * MIB * 1024 * 1024;
	snapshot.gap.bytes = -1023 * MIB;
	snapshot.gap.percent = -102400;
	snapshot.gap.verdict = VERDICT_OTHER_ANON;
	snapshot.kernel.cgroup.psi_some_avg10 = 99.98;
	snapshot.allocator.missed = 123456789;
	snapshot.target.processes = 4194304;
	assert_tables(&snapshot, 1, 0,
		      "TARGET    ALLOC      RSS       GAP  GAP%   CGROUP    LIMIT TRIMMABLE      SYS PROCS PSI%  MISSED VERDICT\n"
		      "x[1]   1023 MiB 1023 MiB -1023 MiB -102k    8 EiB    8 EiB  1022 TiB    8 EiB 4194k  100 123456k other-anon\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_80_columns_are_what_matters_most_and_the_end_of_the_name),
		cmocka_unit_test(in_fewer_columns_the_least_important_are_left_out),
		cmocka_unit_test(a_wider_terminal_has_more_columns_and_longer_names),
		cmocka_unit_test(why_has_the_rest_of_a_wide_line),
		cmocka_unit_test(where_no_width_is_given_nothing_is_cut_and_all_figures_are_there),
		cmocka_unit_test(lines_fit_whatever_the_width_and_the_names),
		cmocka_unit_test(a_name_is_cut_between_characters_that_are_counted_as_the_terminal_does),
		cmocka_unit_test(tables_of_one_run_are_as_wide_as_the_longest_name_was),
		cmocka_unit_test(the_width_may_change_between_two_tables),
		cmocka_unit_test(huge_figures_keep_to_their_columns),
	};

	return cmocka_run_group_tests(tests, take_utf8, NULL);
}
