// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <math.h>

#include "tests/unit/data.h"

static void assert_line(const struct snapshot *snapshot, bool named, const char *expected)
{
	struct capture capture;
	struct output output;
	char *text;

	capture_start(&capture);
	output = (struct output){ .format = &output_line, .stream = capture.stream, .named = named };
	output_snapshot(&output, snapshot);
	output_interval(&output); /* nothing more */
	output_close(&output);
	text = capture_end(&capture);
	assert_string_equal(text, expected);
	free(text);
}

static void assert_trim(void (*print)(struct output *, const struct trim_event *), const struct trim_event *event, const char *expected)
{
	struct capture capture;
	struct output output;
	char *text;

	capture_start(&capture);
	output = (struct output){ .format = &output_line, .stream = capture.stream };
	print(&output, event);
	text = capture_end(&capture);
	assert_string_equal(text, expected);
	free(text);
}

#define FIGURES "Alloc = 30 MiB\tTotalAlloc = 120 MiB\tSys = 72 MiB\tNumTrim = 2\tRSS = 75 MiB\tGap = 45 MiB (60 %)"

static void a_target_alone_is_one_line_with_tabs(void **state)
{
	struct snapshot snapshot = known_snapshot();

	(void)state;
	snapshot.kernel.cgroup.current = snapshot.kernel.cgroup.limit = UNKNOWN;
	assert_line(&snapshot, false, FIGURES "\tin-use\n");
}

static void collections_are_shown_of_who_has_them(void **state)
{
	struct snapshot snapshot = known_snapshot();

	(void)state;
	snapshot.kernel.cgroup.current = snapshot.kernel.cgroup.limit = UNKNOWN;
	snapshot.allocator.go.num_gc = 7;
	assert_line(&snapshot, false,
		    "Alloc = 30 MiB\tTotalAlloc = 120 MiB\tSys = 72 MiB\tNumGC = 7\tNumTrim = 2\tRSS = 75 MiB\tGap = 45 MiB (60 %)\tin-use\n");
}

static void an_estimate_is_marked(void **state)
{
	struct snapshot snapshot = known_snapshot();

	(void)state;
	snapshot.kernel.cgroup.current = snapshot.kernel.cgroup.limit = UNKNOWN;
	snapshot.allocator.total_error = 1;
	assert_line(&snapshot, false, "Alloc = 30 MiB\tTotalAlloc = ~120 MiB\tSys = 72 MiB\tNumTrim = 2\tRSS = 75 MiB\tGap = 45 MiB (60 %)\tin-use\n");
	snapshot.allocator.alloc_error = 1;
	assert_line(&snapshot, false, "Alloc = ~30 MiB\tTotalAlloc = ~120 MiB\tSys = 72 MiB\tNumTrim = 2\tRSS = 75 MiB\tGap = 45 MiB (60 %)\tin-use\n");
}

static void the_cgroup_is_shown_with_its_limit_if_it_has_one(void **state)
{
	struct snapshot snapshot = known_snapshot();

	(void)state;
	assert_line(&snapshot, false, FIGURES "\tCgroup = 80 MiB of 100 MiB\tin-use\n");
	snapshot.kernel.cgroup.limit = UNKNOWN;
	assert_line(&snapshot, false, FIGURES "\tCgroup = 80 MiB\tin-use\n");
}

static void among_several_each_line_begins_with_its_target(void **state)
{
	struct snapshot snapshot = known_snapshot();

	(void)state;
	snapshot.kernel.cgroup.current = UNKNOWN;
	assert_line(&snapshot, true, "redis-server[123]\t" FIGURES "\tin-use\n");
	snapshot.target = cgroup_target();
	assert_line(&snapshot, true, "/docker/ab\t" FIGURES "\tin-use\n");
}

static void what_is_not_known_is_a_dash_and_never_0(void **state)
{
	struct snapshot snapshot;

	(void)state;
	snapshot_init(&snapshot);
	assert_line(&snapshot, false,
		    "Alloc = -\tTotalAlloc = -\tSys = -\tNumTrim = 0\tRSS = -\tGap = -\tunknown\n");
	snapshot.gap.percent = 5; /* of a gap that is not known: nothing */
	assert_line(&snapshot, false,
		    "Alloc = -\tTotalAlloc = -\tSys = -\tNumTrim = 0\tRSS = -\tGap = -\tunknown\n");
}

static void a_gap_without_a_percentage_is_shown_without(void **state)
{
	struct snapshot snapshot;

	(void)state;
	snapshot_init(&snapshot);
	snapshot.gap.bytes = -3 * MIB;
	snapshot.gap.verdict = VERDICT_UNTOUCHED;
	assert_line(&snapshot, false,
		    "Alloc = -\tTotalAlloc = -\tSys = -\tNumTrim = 0\tRSS = -\tGap = -3 MiB\tuntouched\n");
}

static void a_negative_gap_has_a_negative_percentage_but_none_of_minus_0(void **state)
{
	struct snapshot snapshot;

	(void)state;
	snapshot_init(&snapshot);
	snapshot.gap.bytes = -3 * MIB;
	snapshot.gap.percent = -12.3;
	assert_line(&snapshot, false,
		    "Alloc = -\tTotalAlloc = -\tSys = -\tNumTrim = 0\tRSS = -\tGap = -3 MiB (-12 %)\tunknown\n");
	snapshot.gap.percent = -0.2;
	assert_line(&snapshot, false,
		    "Alloc = -\tTotalAlloc = -\tSys = -\tNumTrim = 0\tRSS = -\tGap = -3 MiB (0 %)\tunknown\n");
}

static void lost_events_are_shown(void **state)
{
	struct snapshot snapshot = known_snapshot();

	(void)state;
	snapshot.kernel.cgroup.current = UNKNOWN;
	snapshot.allocator.missed = 17;
	assert_line(&snapshot, false, FIGURES "\tin-use\tMissed = 17\n");
}

static void control_characters_in_a_name_reach_no_terminal(void **state)
{
	struct snapshot snapshot = known_snapshot();

	(void)state;
	snapshot.kernel.cgroup.current = UNKNOWN;
	strcpy(snapshot.target.comm, "a\033[2J\n\t\x7f\"\xc3\xa9");
	assert_line(&snapshot, true, "a?[2J???\"\xc3\xa9[123]\t" FIGURES "\tin-use\n");
}

static void a_trim_is_told_when_it_is_triggered_and_when_it_is_measured(void **state)
{
	struct trim_event event = known_event();

	(void)state;
	assert_trim(output_trim_triggered, &event,
		    "Trim: redis-server[123] has rss = 101 MiB, the threshold is 100 MiB: signal:USR1 to pid 123 250 us after it was "
		    "crossed, 59 MiB expected back\n");
	assert_trim(output_trim_ended, &event,
		    "Trim: redis-server[123] RSS 101 MiB -> 41 MiB, 60 MiB back in 13 ms, 59 MiB were expected (1.7 % off)\n");
	/* where nothing was predicted, and an interval's look has found it */
	event.caller = CALLER_TICK;
	event.predicted = UNKNOWN;
	assert_trim(output_trim_triggered, &event,
		    "Trim: redis-server[123] has rss = 101 MiB, the threshold is 100 MiB: signal:USR1 to pid 123\n");
	assert_trim(output_trim_ended, &event, "Trim: redis-server[123] RSS 101 MiB -> 41 MiB, 60 MiB back in 13 ms\n");
}

static void a_trim_that_the_user_asks_for_has_no_threshold(void **state)
{
	struct trim_event event = known_event();

	(void)state;
	event.caller = CALLER_USER;
	event.reason.threshold = UNKNOWN;
	assert_trim(output_trim_triggered, &event, "Trim: redis-server[123] is retained: signal:USR1 to pid 123, 59 MiB expected back\n");
}

static void a_reclaim_is_one_of_the_cgroup(void **state)
{
	struct trim_event event = known_event();

	(void)state;
	event.target = cgroup_target();
	event.caller = CALLER_TICK;
	strcpy(event.action, "reclaim");
	event.n_pids = 0;
	event.before.rss = event.after.rss = UNKNOWN;
	assert_trim(output_trim_triggered, &event,
		    "Trim: /docker/ab has rss = 101 MiB, the threshold is 100 MiB: reclaim from its cgroup, 59 MiB expected back\n");
	assert_trim(output_trim_ended, &event,
		    "Trim: /docker/ab cgroup 111 MiB -> 51 MiB, 60 MiB back in 13 ms, 59 MiB were expected (1.7 % off)\n");
	event.outcome = TRIM_FAILED;
	strcpy(event.why, "no memory.reclaim");
	assert_trim(output_trim_ended, &event, "Trim: /docker/ab failed: no memory.reclaim\n");
}

static void what_has_grown_back_is_told_later(void **state)
{
	struct trim_regrowth regrowth = { .target = process_target(), .pid = 123, .after_s = 60.04, .reclaimed = 60 * MIB, .regrown = 6 * MIB };
	static const struct {
		int64_t regrown;
		const char *line;
	} rows[] = {
		{ 6 * MIB, "Trim: redis-server[123]: of 60 MiB trimmed 6 MiB are back after 60 s\n" },
		{ -4096, "Trim: redis-server[123]: of 60 MiB trimmed nothing is back after 60 s\n" },
		{ UNKNOWN, "Trim: redis-server[123] is gone, 60 s after its trim\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct capture capture;
		struct output output = { .format = &output_line };
		char *text;

		capture_start(&capture);
		output.stream = capture.stream;
		regrowth.regrown = rows[i].regrown;
		output_trim_regrown(&output, &regrowth);
		text = capture_end(&capture);
		assert_string_equal(text, rows[i].line);
		free(text);
	}
}

static void of_a_cgroup_it_is_the_process_that_is_gone(void **state)
{
	struct trim_regrowth regrowth = { .target = cgroup_target(), .pid = 123, .gone = 124, .after_s = 60.04, .regrown = UNKNOWN };
	struct output output = { .format = &output_line };
	struct capture capture;
	char *text;

	(void)state;
	capture_start(&capture);
	output.stream = capture.stream;
	output_trim_regrown(&output, &regrowth);
	text = capture_end(&capture);
	assert_string_equal(text, "Trim: /docker/ab: pid 124 is gone, 60 s after its trim\n");
	free(text);
}

static void several_processes_are_listed(void **state)
{
	struct trim_event event = known_event();

	(void)state;
	event.target = cgroup_target();
	event.pids[1] = 456;
	event.n_pids = 2;
	event.caller = CALLER_TICK;
	event.outcome = TRIM_DRY_RUN;
	assert_trim(output_trim_triggered, &event,
		    "Trim: /docker/ab has rss = 101 MiB, the threshold is 100 MiB: would send signal:USR1 to pids 123, 456, "
		    "59 MiB expected back\n");
	assert_trim(output_trim_ended, &event, ""); /* nothing was done, nothing is measured */
}

static void a_refusal_is_told_once_with_its_reason(void **state)
{
	struct trim_event event = known_event();

	(void)state;
	event.n_pids = 0;
	event.outcome = TRIM_REFUSED;
	strcpy(event.why, "pid 123 (redis-server) ignores USR1");
	assert_trim(output_trim_triggered, &event,
		    "Trim: redis-server[123] has rss = 101 MiB, the threshold is 100 MiB: signal:USR1 refused: "
		    "pid 123 (redis-server) ignores USR1\n");
	assert_trim(output_trim_ended, &event, "");
}

static void a_trim_that_brought_nothing_says_so(void **state)
{
	struct trim_event event = known_event();

	(void)state;
	event.outcome = TRIM_NOTHING;
	strcpy(event.why, "the resident size did not fall in 1000 ms");
	assert_trim(output_trim_ended, &event,
		    "Trim: redis-server[123] RSS 101 MiB, nothing came back: the resident size did not fall in 1000 ms\n");
}

/* A reason holds the process's name, which is its own choice. */
static void control_characters_in_a_reason_reach_no_terminal(void **state)
{
	struct trim_event event = known_event();

	(void)state;
	event.n_pids = 0;
	event.outcome = TRIM_REFUSED;
	strcpy(event.why, "pid 123 (a\033[2J\nb) ignores USR1");
	assert_trim(output_trim_triggered, &event,
		    "Trim: redis-server[123] has rss = 101 MiB, the threshold is 100 MiB: signal:USR1 refused: "
		    "pid 123 (a?[2J?b) ignores USR1\n");
}

static void a_format_is_found_by_its_name(void **state)
{
	static const char *const none[] = { "", "Line", "lin", "line ", "tables", "jsonl" };

	(void)state;
	assert_ptr_equal(output_format_by_name("line"), &output_line);
	assert_ptr_equal(output_format_by_name("table"), &output_table);
	assert_ptr_equal(output_format_by_name("json"), &output_json);
	for (size_t i = 0; i < COUNT_OF(none); i++)
		check_row(none[i], !output_format_by_name(none[i]));
}

static void a_target_is_named_within_its_buffer(void **state)
{
	struct target_name process = process_target(), cgroup = cgroup_target();
	char name[32];

	(void)state;
	assert_string_equal(format_target(name, sizeof(name), &process), "redis-server[123]");
	assert_string_equal(format_target(name, sizeof(name), &cgroup), "/docker/ab");
	assert_string_equal(format_target(name, 6, &process), "redis");
}

/* 64 hexadecimal digits: a container's id, of which the runtimes' own tools show 12. */
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void a_container_id_in_a_path_is_cut_and_nothing_else_is(void **state)
{
	static const struct {
		const char *path, *shown;
	} rows[] = {
		{ "/docker/" ID, "/docker/0123456789ab" },
		{ "/system.slice/docker-" ID ".scope", "/system.slice/docker-0123456789ab.scope" },
		{ "/a/" ID "/b/" ID "/c", "/a/0123456789ab/b/0123456789ab/c" },
		{ "/a/" ID "0", "/a/" ID "0" }, /* 65 */
		{ "/a/0123456789abcdef", "/a/0123456789abcdef" },
		{ "/kubepods/pod1234-abc", "/kubepods/pod1234-abc" },
		{ "/", "/" },
		{ "", "" },
		{ "/a\033[2J\nb", "/a?[2J?b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct target_name target = cgroup_target();
		char name[TARGET_PATH_MAX];

		strcpy(target.cgroup, rows[i].path);
		assert_string_equal(format_target(name, sizeof(name), &target), rows[i].shown);
	}
}

static void a_long_path_is_cut_to_its_buffer(void **state)
{
	struct target_name target = cgroup_target();
	char name[16] = "xxxxxxxxxxxxxxx";

	(void)state;
	for (size_t size = 1; size < sizeof(name); size++) {
		memset(name, 'x', sizeof(name));
		strcpy(target.cgroup, "/" ID "/abc/def/" ID);
		format_target(name, size, &target);
		assert_int_equal(strlen(name), size - 1);
		assert_int_equal(name[size], 'x');
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_alone_is_one_line_with_tabs),
		cmocka_unit_test(an_estimate_is_marked),
		cmocka_unit_test(collections_are_shown_of_who_has_them),
		cmocka_unit_test(the_cgroup_is_shown_with_its_limit_if_it_has_one),
		cmocka_unit_test(among_several_each_line_begins_with_its_target),
		cmocka_unit_test(what_is_not_known_is_a_dash_and_never_0),
		cmocka_unit_test(a_gap_without_a_percentage_is_shown_without),
		cmocka_unit_test(a_negative_gap_has_a_negative_percentage_but_none_of_minus_0),
		cmocka_unit_test(lost_events_are_shown),
		cmocka_unit_test(control_characters_in_a_name_reach_no_terminal),
		cmocka_unit_test(a_trim_is_told_when_it_is_triggered_and_when_it_is_measured),
		cmocka_unit_test(several_processes_are_listed),
		cmocka_unit_test(a_refusal_is_told_once_with_its_reason),
		cmocka_unit_test(a_trim_that_the_user_asks_for_has_no_threshold),
		cmocka_unit_test(a_reclaim_is_one_of_the_cgroup),
		cmocka_unit_test(what_has_grown_back_is_told_later),
		cmocka_unit_test(of_a_cgroup_it_is_the_process_that_is_gone),
		cmocka_unit_test(a_trim_that_brought_nothing_says_so),
		cmocka_unit_test(control_characters_in_a_reason_reach_no_terminal),
		cmocka_unit_test(a_format_is_found_by_its_name),
		cmocka_unit_test(a_target_is_named_within_its_buffer),
		cmocka_unit_test(a_container_id_in_a_path_is_cut_and_nothing_else_is),
		cmocka_unit_test(a_long_path_is_cut_to_its_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
