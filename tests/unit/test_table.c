// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <math.h>

#include "tests/unit/table_page.h"

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
			   "Trim: redis-server[123] has rss = 101 MiB, the threshold is 100 MiB: signal:USR1 to pid 123 250 us after it was crossed, 59 MiB expected back\n"
			   "Trim: redis-server[123] RSS 101 MiB -> 41 MiB, 60 MiB back in 13 ms, 59 MiB were expected (1.7 % off)\n"
			   "\n"
			   "TARGET       GAP\nx[1]           -\n"
			   "\n"
			   "Trim: redis-server[123] has rss = 101 MiB, the threshold is 100 MiB: signal:USR1 refused: because\n");
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_known_is_a_dash),
		cmocka_unit_test(the_largest_gap_comes_first_then_those_not_known_by_their_resident_size),
		cmocka_unit_test(a_target_has_the_name_that_people_know_it_by),
		cmocka_unit_test(the_longest_names_are_whole),
		cmocka_unit_test(each_table_but_the_first_and_the_trims_between_are_paragraphs),
		cmocka_unit_test(only_the_header_and_the_verdict_have_colour),
		cmocka_unit_test(colour_takes_no_column_of_why),
		cmocka_unit_test(a_thousand_rows_are_all_there),
	};

	return cmocka_run_group_tests(tests, take_utf8, NULL);
}
