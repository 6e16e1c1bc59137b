// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <locale.h>
#include <math.h>

#include "tests/unit/data.h"
#include "user/base/text.h"

/* A table, or several, as they are printed. */
struct page {
	struct capture capture;
	struct output output;
};

static void begin(struct page *page, int columns, bool colour)
{
	capture_start(&page->capture);
	page->output = (struct output){ .format = &output_table, .stream = page->capture.stream, .terminal = { columns, colour } };
}

static char *end(struct page *page)
{
	output_interval(&page->output);
	assert_int_equal(page->output.error, 0);
	output_close(&page->output);
	return capture_end(&page->capture);
}

static void assert_page(struct page *page, const char *expected)
{
	char *text = end(page);

	assert_string_equal(text, expected);
	free(text);
}

static void assert_tables(const struct snapshot *snapshots, size_t n, int columns, const char *expected)
{
	struct page page;

	begin(&page, columns, false);
	for (size_t i = 0; i < n; i++)
		output_snapshot(&page.output, &snapshots[i]);
	assert_page(&page, expected);
}

/* Processes that only differ in this; ALLOC, ... of a snapshot that knows nothing but names. */
static struct snapshot blank(const char *comm)
{
	struct snapshot snapshot;

	snapshot_init(&snapshot);
	snapshot.target.kind = TARGET_PROCESS;
	snapshot.target.pid = 1;
	strcpy(snapshot.target.comm, comm);
	return snapshot;
}

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

static void what_is_not_known_is_a_dash(void **state)
{
	struct snapshot snapshot = blank("x");

	(void)state;
	snapshot.target.processes = UNKNOWN;
	assert_tables(&snapshot, 1, 120,
		      "TARGET    ALLOC      RSS       GAP  GAP%   CGROUP    LIMIT TRIMMABLE      SYS PROCS PSI%  MISSED VERDICT\n"
		      "x[1]          -        -         -     -        -        -         -        -     -    -       - unknown\n");
	snapshot.gap.percent = 5; /* of a gap that is not known: nothing */
	snapshot.target.processes = 0;
	assert_tables(&snapshot, 1, 0,
		      "TARGET    ALLOC      RSS       GAP  GAP%   CGROUP    LIMIT TRIMMABLE      SYS PROCS PSI%  MISSED VERDICT\n"
		      "x[1]          -        -         -     -        -        -         -        -     0    -       - unknown\n");
}

static void the_largest_gap_comes_first_then_those_not_known_by_their_resident_size(void **state)
{
	static const struct {
		const char *name;
		int64_t gap, rss;
	} rows[] = {
		{ "e", UNKNOWN, 3 * MIB }, { "c", -2 * MIB, 900 * MIB }, { "h", UNKNOWN, UNKNOWN },  { "d", -3 * MIB, UNKNOWN },
		{ "f", UNKNOWN, MIB },	   { "a", 7 * MIB, 8 * MIB },	 { "i", UNKNOWN, UNKNOWN },  { "b", 0, 5 * MIB },
		{ "g", UNKNOWN, 0 },	   { "j", UNKNOWN, UNKNOWN },	 { "k", UNKNOWN, UNKNOWN },
	};
	struct page page;
	char *text;

	(void)state;
	begin(&page, 30, false);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct snapshot snapshot = blank(rows[i].name);

		snapshot.gap.bytes = rows[i].gap;
		snapshot.kernel.rss = rows[i].rss;
		output_snapshot(&page.output, &snapshot);
	}
	text = end(&page);
	assert_string_equal(text, "TARGET      RSS       GAP\n"
				  "a[1]      8 MiB     7 MiB\n"
				  "b[1]      5 MiB       0 B\n"
				  "c[1]    900 MiB    -2 MiB\n"
				  "d[1]          -    -3 MiB\n"
				  "e[1]      3 MiB         -\n"
				  "f[1]      1 MiB         -\n"
				  "g[1]        0 B         -\n"
				  "h[1]          -         -\n"
				  "i[1]          -         -\n"
				  "j[1]          -         -\n"
				  "k[1]          -         -\n");
	free(text);
}

static void a_target_has_the_name_that_people_know_it_by(void **state)
{
	static const struct {
		enum target_kind kind;
		const char *namespace, *pod, *container, *name;
	} rows[] = {
		{ TARGET_PROCESS, "", "", "", "nginx[7]" },
		{ TARGET_PROCESS, "", "", "web", "web/nginx[7]" },
		{ TARGET_PROCESS, "shop", "web-0", "web", "shop/web-0/web/nginx[7]" },
		{ TARGET_CGROUP, "", "", "", "/a/b" },
		{ TARGET_CGROUP, "", "", "web", "web" },
		{ TARGET_CGROUP, "shop", "web-0", "web", "shop/web-0/web" },
		{ TARGET_CGROUP, "shop", "web-0", "", "shop/web-0" },
		{ TARGET_CGROUP, "", "", "a\033[2J\nb", "a?[2J?b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct snapshot snapshot = blank("nginx");
		struct page page;
		char *text, line[100];

		snapshot.target.kind = rows[i].kind;
		snapshot.target.pid = 7;
		strcpy(snapshot.target.cgroup, "/a/b");
		strcpy(snapshot.target.pod_namespace, rows[i].namespace);
		strcpy(snapshot.target.pod, rows[i].pod);
		strcpy(snapshot.target.container, rows[i].container);
		begin(&page, 0, false);
		output_snapshot(&page.output, &snapshot);
		text = end(&page);
		snprintf(line, sizeof(line), "\n%s ", rows[i].name);
		check_row(rows[i].name, strstr(text, line));
		free(text);
	}
}

/* The longest of all there may be: no byte is lost, none written where it must not. */
static void the_longest_names_are_whole(void **state)
{
	struct snapshot snapshot = blank("");
	struct target_name *target = &snapshot.target;
	struct page page;
	char *text;

	(void)state;
	memset(target->pod_namespace, 'n', sizeof(target->pod_namespace) - 1);
	memset(target->pod, 'p', sizeof(target->pod) - 1);
	memset(target->container, 'c', sizeof(target->container) - 1);
	memset(target->comm, 'x', sizeof(target->comm) - 1);
	target->pid = INT32_MAX;
	begin(&page, 0, false);
	output_snapshot(&page.output, &snapshot);
	text = end(&page);
	assert_int_equal(strcspn(strchr(text, '\n') + 1, " "), 3 * 255 + 63 + strlen("///[2147483647]"));
	free(text);
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

static void each_table_but_the_first_and_the_trims_between_are_paragraphs(void **state)
{
	struct snapshot snapshot = blank("x");
	struct trim_event event = known_event(), refusal = known_event();
	struct page page;

	(void)state;
	refusal.n_pids = 0;
	refusal.outcome = TRIM_REFUSED;
	strcpy(refusal.why, "because");
	begin(&page, 20, false);
	output_interval(&page.output); /* nobody is there yet: nothing, not even a header */
	output_snapshot(&page.output, &snapshot);
	output_interval(&page.output);
	output_snapshot(&page.output, &snapshot);
	output_interval(&page.output);
	output_trim_triggered(&page.output, &event);
	output_trim_ended(&page.output, &event);
	output_snapshot(&page.output, &snapshot);
	output_interval(&page.output);
	output_trim_ended(&page.output, &refusal); /* nothing is to be told */
	output_trim_triggered(&page.output, &refusal);
	assert_page(&page, "TARGET       GAP\nx[1]           -\n"
			   "\n"
			   "TARGET       GAP\nx[1]           -\n"
			   "\n"
			   "Trim: redis-server[123] has rss = 101 MiB, the threshold is 100 MiB: signal:USR1 to pid 123\n"
			   "Trim: redis-server[123] RSS 101 MiB -> 41 MiB, 60 MiB back in 13 ms\n"
			   "\n"
			   "TARGET       GAP\nx[1]           -\n"
			   "\n"
			   "Trim: redis-server[123] has rss = 101 MiB, the threshold is 100 MiB: signal:USR1 refused: because\n");
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

static void only_the_header_and_the_verdict_have_colour(void **state)
{
	static const struct {
		enum verdict verdict;
		const char *shown;
	} rows[] = {
		{ VERDICT_GROWING, "\033[31mgrowing\033[0m" },	   { VERDICT_RETAINED, "\033[33mretained\033[0m" },
		{ VERDICT_PINNED, "\033[33mpinned\033[0m" },	   { VERDICT_OTHER_ANON, "\033[33mother-anon\033[0m" },
		{ VERDICT_CACHE, "\033[36mcache\033[0m" },	   { VERDICT_IN_USE, "\033[32min-use\033[0m" },
		{ VERDICT_UNKNOWN, "\033[2munknown\033[0m" },	   { VERDICT_UNTOUCHED, "untouched" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct snapshot snapshot = blank("x");
		char expected[200];
		struct page page;

		snapshot.gap.verdict = rows[i].verdict;
		begin(&page, 50, true);
		output_snapshot(&page.output, &snapshot);
		snprintf(expected, sizeof(expected), "\033[1mTARGET    ALLOC      RSS       GAP VERDICT\033[0m\n"
			 "x[1]          -        -         - %s\n", rows[i].shown);
		assert_page(&page, expected);
	}
}

static void colour_takes_no_column_of_why(void **state)
{
	struct snapshot snapshot = known_snapshot();
	struct page page;
	char *text;

	(void)state;
	begin(&page, 200, true);
	output_snapshot(&page.output, &snapshot);
	text = end(&page);
	assert_non_null(strstr(text, " \033[32min-use\033[0m     for a reason\n"));
	assert_non_null(strstr(text, " VERDICT    WHY\033[0m\n"));
	free(text);
}

static void a_thousand_rows_are_all_there(void **state)
{
	struct page page;
	char *text;
	size_t lines = 0;

	(void)state;
	begin(&page, 80, false);
	for (int i = 0; i < 1000; i++) {
		struct snapshot snapshot = blank("x");

		snapshot.target.pid = i;
		snapshot.gap.bytes = i;
		output_snapshot(&page.output, &snapshot);
	}
	text = end(&page);
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 1001);
	assert_memory_equal(strchr(text, '\n') + 1, "x[999] ", 7);
	free(text);
}

static int take_utf8(void **state)
{
	(void)state;
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_80_columns_are_what_matters_most_and_the_end_of_the_name),
		cmocka_unit_test(in_fewer_columns_the_least_important_are_left_out),
		cmocka_unit_test(a_wider_terminal_has_more_columns_and_longer_names),
		cmocka_unit_test(why_has_the_rest_of_a_wide_line),
		cmocka_unit_test(where_no_width_is_given_nothing_is_cut_and_all_figures_are_there),
		cmocka_unit_test(what_is_not_known_is_a_dash),
		cmocka_unit_test(the_largest_gap_comes_first_then_those_not_known_by_their_resident_size),
		cmocka_unit_test(a_target_has_the_name_that_people_know_it_by),
		cmocka_unit_test(the_longest_names_are_whole),
		cmocka_unit_test(huge_figures_keep_to_their_columns),
		cmocka_unit_test(lines_fit_whatever_the_width_and_the_names),
		cmocka_unit_test(a_name_is_cut_between_characters_that_are_counted_as_the_terminal_does),
		cmocka_unit_test(each_table_but_the_first_and_the_trims_between_are_paragraphs),
		cmocka_unit_test(tables_of_one_run_are_as_wide_as_the_longest_name_was),
		cmocka_unit_test(the_width_may_change_between_two_tables),
		cmocka_unit_test(only_the_header_and_the_verdict_have_colour),
		cmocka_unit_test(colour_takes_no_column_of_why),
		cmocka_unit_test(a_thousand_rows_are_all_there),
	};

	return cmocka_run_group_tests(tests, take_utf8, NULL);
}
