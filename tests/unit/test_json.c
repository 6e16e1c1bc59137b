// SPDX-License-Identifier: GPL-2.0-only
/* Parsed back, and compared with the schema that DESIGN.md, section 4, promises. */
#include "tests/unit/helpers.h"

#include <jansson.h>
#include <math.h>

#include "tests/unit/data.h"
#include "user/output/json_events.h"

/* The one object that was printed, on one line. */
static json_t *parse_line(char *text)
{
	char *newline = strchr(text, '\n');
	json_error_t error;
	json_t *object;

	assert_non_null(newline);
	assert_int_equal(newline[1], '\0');
	for (const char *c = text; c < newline; c++)
		if ((unsigned char)*c < 0x20)
			fail_msg("a control character in %s", text);
	object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!object)
		fail_msg("%s: %s", error.text, text);
	free(text);
	return object;
}

static json_t *snapshot_object(const struct snapshot *snapshot)
{
	struct capture capture;
	struct output output;

	capture_start(&capture);
	output = (struct output){ .format = &output_json, .stream = capture.stream };
	output_snapshot(&output, snapshot);
	return parse_line(capture_end(&capture));
}

static json_t *event_object(const struct trim_event *event)
{
	struct capture capture;
	struct output output;

	capture_start(&capture);
	output = (struct output){ .format = &output_json, .stream = capture.stream };
	output_trim_ended(&output, event);
	return parse_line(capture_end(&capture));
}

/* "a.b.c" below an object; fails when there is no such key. */
static const json_t *at(const json_t *object, const char *path)
{
	char *keys = strdup(path), *rest = keys;

	for (const char *key; (key = strsep(&rest, "."));) {
		object = json_object_get(object, key);
		if (!object)
			fail_msg("no key '%s' of '%s'", key, path);
	}
	free(keys);
	return object;
}

static void assert_json(const json_t *object, const char *expected)
{
	json_t *wanted = json_loads(expected, JSON_DECODE_ANY, NULL);
	char *text = json_dumps(object, JSON_ENCODE_ANY);

	assert_non_null(wanted);
	if (!json_equal(object, wanted))
		fail_msg("%s, not %s", text, expected);
	free(text);
	json_decref(wanted);
}

static void a_snapshot_has_all_keys_of_the_schema_with_their_values(void **state)
{
	struct snapshot snapshot = known_snapshot();
	json_t *object = snapshot_object(&snapshot);

	(void)state;
	assert_json(object,
		"{\"schema\":1,\"time\":\"2026-01-31T12:00:00.123Z\",\"elapsed_s\":3.0,"
		"\"target\":{\"kind\":\"process\",\"pid\":123,\"comm\":\"redis-server\",\"cgroup\":\"/docker/ab\","
		"\"container\":\"web\",\"pod\":\"web-0\",\"namespace\":\"shop\",\"processes\":1},"
		"\"allocator\":{\"name\":\"glibc 2.36\",\"source\":\"probe\",\"alloc\":31457280,\"total_alloc\":125829120,"
		"\"mallocs\":1001,\"frees\":1002,\"baseline\":0,\"sys\":75497472,\"num_gc\":null,\"missed\":0,"
		"\"overhead_percent\":0.4,\"alloc_error\":0,\"total_error\":0,"
		"\"heap\":{\"sys\":75497472,\"mmapped\":8388608,\"resident\":69206016,\"cached\":4096,\"arenas\":2,\"age_s\":1.3,"
		"\"arena\":[{\"sys\":62914560,\"used\":25165824,\"resident_free\":37748736,\"trimmable\":35651584}]},\"go\":null},"
		"\"kernel\":{\"rss\":78643200,\"rss_anon\":73400320,\"rss_file\":4194304,\"rss_shmem\":1048576,\"pss\":74448896,"
		"\"swap\":5242880,\"lazyfree\":2097152,\"flow\":{\"mapped\":11,\"unmapped\":12,\"brk\":-13,\"returned\":14},"
		"\"cgroup\":{\"current\":83886080,\"limit\":104857600,\"high\":94371840,\"swap\":5242880,"
		"\"anon\":73400320,\"file\":6291456,\"shmem\":1048576,\"inactive_file\":3145728,\"kernel\":4194304,"
		"\"working_set\":80740352,\"oom_kills\":1,\"psi_some_avg10\":2.5}},"
		"\"gap\":{\"bytes\":47185920,\"percent\":60.0,\"trimmable\":39845888,\"pinned\":4194304,\"growth_per_s\":524288,\"verdict\":\"in-use\","
		"\"why\":\"for a reason\"},"
		"\"trim\":{\"count\":2,\"last\":{\"outcome\":\"trimmed\",\"reclaimed\":7340032}}}");
	json_decref(object);
}

static void what_go_says_has_an_object_of_its_own(void **state)
{
	struct snapshot snapshot = known_snapshot();
	json_t *object;

	(void)state;
	snapshot.allocator.source = SOURCE_GO;
	snapshot.allocator.go = (struct go_figures){ .alloc = 1, .heap_in_use = 2, .heap_idle = 3, .heap_released = 4, .num_gc = 5,
						     .pause_total_ns = 6000000, .gc_percent = -1, .memory_limit = UNKNOWN };
	object = snapshot_object(&snapshot);
	assert_json(at(object, "allocator.source"), "\"go\"");
	assert_json(at(object, "allocator.num_gc"), "5");
	assert_json(at(object, "allocator.go"), "{\"alloc\":1,\"heap_in_use\":2,\"heap_idle\":3,\"heap_released\":4,"
						"\"pause_total_s\":0.006,\"gc_percent\":-1,\"memory_limit\":null}");
	json_decref(object);
}

static void what_is_not_known_is_null_and_its_key_is_there(void **state)
{
	static const char *const nulls[] = {
		"target.comm", "target.cgroup", "target.container", "target.pod", "target.namespace", "allocator.name", "allocator.alloc", "allocator.total_alloc",
		"allocator.mallocs", "allocator.frees", "allocator.baseline", "allocator.sys", "allocator.num_gc", "allocator.missed",
		"allocator.overhead_percent", "allocator.alloc_error", "allocator.total_error", "allocator.heap", "allocator.go", "kernel.rss", "kernel.rss_anon", "kernel.rss_file", "kernel.rss_shmem", "kernel.pss",
		"kernel.swap", "kernel.lazyfree", "kernel.flow.mapped", "kernel.flow.unmapped", "kernel.flow.brk",
		"kernel.flow.returned", "kernel.cgroup.current", "kernel.cgroup.limit", "kernel.cgroup.high", "kernel.cgroup.swap", "kernel.cgroup.anon", "kernel.cgroup.file", "kernel.cgroup.shmem",
		"kernel.cgroup.inactive_file", "kernel.cgroup.kernel", "kernel.cgroup.working_set", "kernel.cgroup.oom_kills",
		"kernel.cgroup.psi_some_avg10", "gap.bytes", "gap.percent", "gap.trimmable", "gap.pinned", "gap.growth_per_s", "trim.last",
	};
	struct snapshot snapshot;
	json_t *object;

	(void)state;
	snapshot_init(&snapshot);
	object = snapshot_object(&snapshot);
	for (size_t i = 0; i < COUNT_OF(nulls); i++)
		check_row(nulls[i], json_is_null(at(object, nulls[i])));
	assert_json(at(object, "allocator.source"), "\"none\"");
	assert_json(at(object, "gap.verdict"), "\"unknown\"");
	assert_json(at(object, "trim.count"), "0");
	json_decref(object);
}

static void a_cgroup_has_no_pid_and_no_name(void **state)
{
	struct snapshot snapshot = known_snapshot();
	json_t *object;

	(void)state;
	snapshot.target = cgroup_target();
	object = snapshot_object(&snapshot);
	assert_json(at(object, "target"), "{\"kind\":\"cgroup\",\"pid\":null,\"comm\":null,\"cgroup\":\"/docker/ab\","
					  "\"container\":null,\"pod\":null,\"namespace\":null,\"processes\":3}");
	json_decref(object);
}

static void any_name_of_a_process_comes_through(void **state)
{
	static const struct {
		const char *comm, *shown;
	} rows[] = {
		{ "plain", "plain" },
		{ "a\"b\\c/d", "a\"b\\c/d" },
		{ "a\nb\tc\rd\033[2J\x01\x7f", "a\nb\tc\rd\033[2J\x01\x7f" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "a\xff" "b", "a?b" },
		{ "cut\xe2\x82", "cut??" },
		{ "overlong\xc0\xaf", "overlong??" },
		{ "surrogate\xed\xa0\x80", "surrogate???" },
		{ "%s%n%d", "%s%n%d" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct snapshot snapshot = known_snapshot();
		json_t *object;

		strcpy(snapshot.target.comm, rows[i].comm);
		strcpy(snapshot.target.cgroup, rows[i].comm);
		strcpy(snapshot.gap.why, rows[i].comm);
		object = snapshot_object(&snapshot);
		assert_string_equal(json_string_value(at(object, "target.comm")), rows[i].shown);
		assert_string_equal(json_string_value(at(object, "target.cgroup")), rows[i].shown);
		assert_string_equal(json_string_value(at(object, "gap.why")), rows[i].shown);
		json_decref(object);
	}
}

static void a_path_of_the_greatest_length_that_is_not_utf8_is_shown_whole(void **state)
{
	struct snapshot snapshot = known_snapshot();
	json_t *object;

	(void)state;
	memset(snapshot.target.cgroup, 0xff, TARGET_PATH_MAX - 1);
	snapshot.target.cgroup[TARGET_PATH_MAX - 1] = '\0';
	object = snapshot_object(&snapshot);
	assert_int_equal(json_string_length(at(object, "target.cgroup")), TARGET_PATH_MAX - 1);
	json_decref(object);
}

static void large_and_negative_figures_keep_every_digit(void **state)
{
	struct snapshot snapshot = known_snapshot();
	json_t *object;

	(void)state;
	snapshot.allocator.total_alloc = INT64_MAX;
	snapshot.gap.bytes = INT64_MIN + 1;
	snapshot.gap.percent = -1234.56;
	snapshot.elapsed_s = 86400.0005;
	object = snapshot_object(&snapshot);
	assert_json(at(object, "allocator.total_alloc"), "9223372036854775807");
	assert_json(at(object, "gap.bytes"), "-9223372036854775807");
	assert_json(at(object, "gap.percent"), "-1234.6");
	assert_true(fabs(json_real_value(at(object, "elapsed_s")) - 86400.0005) < 0.001);
	json_decref(object);
}

static void the_time_is_utc_to_the_millisecond(void **state)
{
	static const struct {
		struct timespec time;
		const char *text;
	} rows[] = {
		{ { 0, 0 }, "\"1970-01-01T00:00:00.000Z\"" },
		{ { 951782399, 999999999 }, "\"2000-02-28T23:59:59.999Z\"" },
		{ { 951782400, 1000000 }, "\"2000-02-29T00:00:00.001Z\"" },
		{ { 4102444800, 10000000 }, "\"2100-01-01T00:00:00.010Z\"" },
	};

	(void)state;
	setenv("TZ", "America/New_York", 1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct snapshot snapshot = known_snapshot();
		json_t *object;

		snapshot.now = rows[i].time;
		object = snapshot_object(&snapshot);
		assert_json(at(object, "time"), rows[i].text);
		json_decref(object);
	}
}

static void a_trim_has_all_keys_of_the_schema_with_their_values(void **state)
{
	struct trim_event event = known_event();
	json_t *object;

	(void)state;
	event.pids[1] = 456;
	event.n_pids = 2;
	object = event_object(&event);
	assert_json(object,
		"{\"schema\":1,\"event\":\"trim\",\"time\":\"2026-01-31T12:00:00.005Z\","
		"\"target\":{\"kind\":\"process\",\"pid\":123,\"comm\":\"redis-server\",\"cgroup\":\"/docker/ab\","
		"\"container\":\"web\",\"pod\":\"web-0\",\"namespace\":\"shop\",\"processes\":1},"
		"\"reason\":{\"metric\":\"rss\",\"value\":105906176,\"threshold\":104857600},"
		"\"verdict\":\"retained\",\"by\":\"kernel\",\"late_ms\":0.25,\"action\":\"signal:USR1\",\"pids\":[123,456],\"predicted\":61865984,"
		"\"before\":{\"rss\":105906176,\"current\":116391936},\"after\":{\"rss\":42991616,\"current\":53477376},"
		"\"reclaimed\":62914560,\"prediction_error_percent\":1.7,\"took_ms\":12.5,"
		"\"outcome\":\"trimmed\",\"why\":\"60 MiB came back\"}");
	json_decref(object);
}

static void a_trim_that_was_refused_has_no_pids_and_no_sizes(void **state)
{
	struct trim_event event = known_event();
	json_t *object;

	(void)state;
	event.n_pids = 0;
	event.outcome = TRIM_REFUSED;
	event.before.rss = event.before.current = event.after.rss = event.after.current = event.reclaimed = UNKNOWN;
	event.took_ms = NAN;
	strcpy(event.why, "pid 123 (a\"\n\xff) ignores USR1");
	object = event_object(&event);
	assert_json(at(object, "pids"), "[]");
	assert_json(at(object, "before"), "{\"rss\":null,\"current\":null}");
	assert_json(at(object, "after"), "{\"rss\":null,\"current\":null}");
	assert_json(at(object, "reclaimed"), "null");
	assert_json(at(object, "took_ms"), "null");
	assert_json(at(object, "outcome"), "\"refused\"");
	assert_string_equal(json_string_value(at(object, "why")), "pid 123 (a\"?" "?) ignores USR1");
	json_decref(object);
}

static void a_decision_and_what_has_grown_back_are_objects_of_their_own(void **state)
{
	struct trim_look look = { .now = { 1769860800, 5000000 }, .target = process_target(), .reason = { METRIC_GAP, 5, 7 },
				  .verdict = VERDICT_GROWING, .decision = TRIM_HELPLESS, .why = "it is growing" };
	struct trim_regrowth regrowth = { .now = look.now, .target = look.target, .pid = 123, .after_s = 60.04, .reclaimed = 9, .regrown = UNKNOWN };
	struct capture capture;
	json_t *object;
	char *text;

	(void)state;
	capture_start(&capture);
	json_write_look(capture.stream, &look);
	text = capture_end(&capture);
	object = json_loads(text, 0, NULL);
	assert_json(at(object, "event"), "\"decision\"");
	assert_json(at(object, "reason"), "{\"metric\":\"gap\",\"value\":5,\"threshold\":7}");
	assert_json(at(object, "verdict"), "\"growing\"");
	assert_json(at(object, "decision"), "\"no-help\"");
	assert_json(at(object, "why"), "\"it is growing\"");
	json_decref(object);
	free(text);
	capture_start(&capture);
	json_write_regrowth(capture.stream, &regrowth);
	text = capture_end(&capture);
	object = json_loads(text, 0, NULL);
	assert_json(at(object, "event"), "\"regrowth\"");
	assert_json(at(object, "pid"), "123");
	assert_json(at(object, "after_s"), "60.0");
	assert_json(at(object, "reclaimed"), "9");
	assert_json(at(object, "regrown"), "null");
	json_decref(object);
	free(text);
}

static void a_trim_is_one_object_printed_when_it_has_ended(void **state)
{
	struct trim_event event = known_event();
	struct capture capture;
	struct output output;
	char *text;

	(void)state;
	capture_start(&capture);
	output = (struct output){ .format = &output_json, .stream = capture.stream };
	output_trim_triggered(&output, &event);
	text = capture_end(&capture);
	assert_string_equal(text, "");
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_snapshot_has_all_keys_of_the_schema_with_their_values),
		cmocka_unit_test(what_go_says_has_an_object_of_its_own),
		cmocka_unit_test(what_is_not_known_is_null_and_its_key_is_there),
		cmocka_unit_test(a_cgroup_has_no_pid_and_no_name),
		cmocka_unit_test(any_name_of_a_process_comes_through),
		cmocka_unit_test(a_path_of_the_greatest_length_that_is_not_utf8_is_shown_whole),
		cmocka_unit_test(large_and_negative_figures_keep_every_digit),
		cmocka_unit_test(the_time_is_utc_to_the_millisecond),
		cmocka_unit_test(a_trim_has_all_keys_of_the_schema_with_their_values),
		cmocka_unit_test(a_trim_that_was_refused_has_no_pids_and_no_sizes),
		cmocka_unit_test(a_decision_and_what_has_grown_back_are_objects_of_their_own),
		cmocka_unit_test(a_trim_is_one_object_printed_when_it_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
