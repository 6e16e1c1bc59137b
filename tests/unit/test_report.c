// SPDX-License-Identifier: GPL-2.0-only
/* Lines in, a page out: what is in its recording, and what may be in the lines. */
#include "tests/unit/helpers.h"

#include <jansson.h>

#include "tests/unit/data.h"
#include "user/output/json_events.h"
#include "user/output/report.h"
#include "user/store/thinned.h"

static void feed_text(struct report *report, const char *text)
{
	assert_int_equal(report_line(report, text, strlen(text)), 0);
}

static void feed(struct report *report, pid_t pid, const char *comm, time_t second, int64_t rss)
{
	struct snapshot snapshot = known_snapshot();
	struct capture capture;
	struct output output;
	char *text;

	snapshot.target.pid = pid;
	snprintf(snapshot.target.comm, sizeof(snapshot.target.comm), "%s", comm);
	snapshot.now = (struct timespec){ second, 0 };
	snapshot.kernel.rss = rss;
	capture_start(&capture);
	output = (struct output){ .format = &output_json, .stream = capture.stream };
	output_snapshot(&output, &snapshot);
	text = capture_end(&capture);
	feed_text(report, text);
	free(text);
}

static void feed_trim(struct report *report, pid_t pid)
{
	struct trim_event event = known_event();
	struct capture capture;
	char *text;

	event.target.pid = pid;
	capture_start(&capture);
	json_write_trim(capture.stream, &event);
	text = capture_end(&capture);
	feed_text(report, text);
	free(text);
}

static char *page_of(struct report *report, const struct report_facts *facts)
{
	struct capture capture;

	capture_start(&capture);
	assert_int_equal(report_finish(report, facts, capture.stream), 0);
	return capture_end(&capture);
}

/* What a browser finds in the element; the page is freed. */
static json_t *recording_in(char *page)
{
	static const char begin[] = "<script type=\"application/json\" id=\"recording\">";
	char *data = strstr(page, begin), *end;
	json_error_t error;
	json_t *object;

	assert_non_null(data);
	data += strlen(begin);
	end = strchr(data, '<');
	assert_int_equal(strncmp(end, "</script>", 9), 0);
	object = json_loadb(data, (size_t)(end - data), JSON_REJECT_DUPLICATES, &error);
	if (!object)
		fail_msg("%s: %.200s", error.text, data);
	free(page);
	return object;
}

static const json_t *target_at(const json_t *recording, size_t i)
{
	return json_array_get(json_object_get(recording, "targets"), i);
}

static size_t points_of(const json_t *recording, size_t i)
{
	return json_array_size(json_object_get(json_array_get(json_object_get(recording, "series"), i), "rss"));
}

static int64_t fact(const json_t *recording, const char *key)
{
	return json_integer_value(json_object_get(recording, key));
}

static void a_page_has_targets_series_and_trims(void **state)
{
	static const struct report_facts facts = { .file = "night.jsonl.zst", .cut = true, .lost_lines = 7 };
	struct report *report = report_begin();
	const json_t *trim;
	json_t *recording;

	(void)state;
	for (time_t second = 1; second <= 5; second++) {
		feed(report, 1, "web", second, 10 * MIB + second);
		if (second < 3)
			feed(report, 2, "job", second, 20 * MIB);
	}
	feed_trim(report, 1);
	feed_text(report, "{\"schema\":1,\"event\":\"regrowth\",\"time\":\"2026-01-31T12:01:00.005Z\",\"target\":{\"kind\":\"process\",\"pid\":1},"
			  "\"pid\":1,\"after_s\":60.0,\"reclaimed\":62914560,\"regrown\":4096}");
	recording = recording_in(page_of(report, &facts));
	assert_string_equal(json_string_value(json_object_get(recording, "file")), "night.jsonl.zst");
	assert_true(json_is_true(json_object_get(recording, "cut")));
	assert_int_equal(fact(recording, "lost_lines"), 7);
	assert_int_equal(fact(recording, "samples"), 7);
	assert_false(json_is_true(json_object_get(target_at(recording, 0), "gone")));
	assert_true(json_is_true(json_object_get(target_at(recording, 1), "gone")));
	assert_string_equal(json_string_value(json_object_get(target_at(recording, 1), "last")), "1970-01-01T00:00:02.000Z");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(json_object_get(target_at(recording, 0), "snapshot"), "kernel"), "rss")),
			 10 * MIB + 5);
	assert_int_equal(points_of(recording, 0), 5);
	assert_int_equal(points_of(recording, 1), 2);
	trim = json_array_get(json_object_get(recording, "trims"), 0);
	assert_int_equal(json_integer_value(json_object_get(trim, "id")), 1);
	assert_int_equal(json_integer_value(json_object_get(trim, "regrown")), 4096);
	json_decref(recording);
}

static void a_hostile_name_ends_no_element(void **state)
{
	struct report *report = report_begin();
	json_t *recording;

	(void)state;
	feed(report, 1, "</script><img src=x onerror=alert(1)><!--", 1, MIB);
	recording = recording_in(page_of(report, &(struct report_facts){ .file = "</script>" }));
	assert_string_equal(json_string_value(json_object_get(json_object_get(target_at(recording, 0), "target"), "comm")),
			    "</script><img src=x onerror=alert(1)><!--");
	assert_string_equal(json_string_value(json_object_get(recording, "file")), "</script>");
	json_decref(recording);
}

static void what_is_no_snapshot_is_counted(void **state)
{
	struct report *report = report_begin();
	json_t *recording;

	(void)state;
	feed(report, 1, "web", 1, MIB);
	feed_text(report, "not JSON");
	feed_text(report, "");
	feed_text(report, "{\"schema\":1,\"time\":\"2026-01-31T12:00:00.123Z\"");
	feed_text(report, "[]");
	feed_text(report, "{\"truth\":1}");
	feed_text(report, "{\"schema\":2,\"time\":\"2026-01-31T12:00:00.123Z\",\"target\":{\"kind\":\"process\",\"pid\":1}}");
	feed_text(report, "{\"schema\":1,\"time\":\"2026-01-31T12:00:00.123Z\",\"target\":{\"kind\":\"process\",\"pid\":1},\"kernel\":[]}");
	feed_text(report, "{\"schema\":1,\"event\":\"decision\",\"time\":\"2026-01-31T12:00:00.123Z\",\"target\":{\"kind\":\"process\",\"pid\":1}}");
	recording = recording_in(page_of(report, &(struct report_facts){ 0 }));
	assert_int_equal(fact(recording, "bad_lines"), 3);
	assert_int_equal(fact(recording, "other_lines"), 5);
	assert_int_equal(fact(recording, "samples"), 1);
	assert_true(json_is_null(json_object_get(recording, "file")));
	json_decref(recording);
}

/* Cut anywhere, and with any byte replaced: told apart, and nothing is read that is not there. */
static void a_damaged_line_does_no_harm(void **state)
{
	static const char replacements[] = "\"\\{[,0\xFF";
	struct report *report = report_begin();
	struct snapshot snapshot = known_snapshot();
	struct capture capture;
	struct output output;
	char *line, *copy;
	size_t length;

	(void)state;
	capture_start(&capture);
	output = (struct output){ .format = &output_json, .stream = capture.stream };
	output_snapshot(&output, &snapshot);
	line = capture_end(&capture);
	length = strlen(line) - 1;
	for (size_t n = 0; n <= length; n++) {
		/* no NUL behind it, so that a sanitizer sees a read past the end */
		copy = memcpy(malloc(n ? n : 1), line, n);
		assert_int_equal(report_line(report, copy, n), 0);
		free(copy);
	}
	for (size_t i = 0; i < length; i++) {
		copy = memcpy(malloc(length), line, length);
		copy[i] = replacements[i % (sizeof(replacements) - 1)];
		assert_int_equal(report_line(report, copy, length), 0);
		free(copy);
	}
	free(line);
	json_decref(recording_in(page_of(report, &(struct report_facts){ 0 })));
}

static void without_a_snapshot_there_is_no_page(void **state)
{
	struct report *report = report_begin();
	struct capture capture;
	char *text;

	(void)state;
	feed_text(report, "{\"truth\":1}");
	capture_start(&capture);
	assert_int_equal(report_finish(report, &(struct report_facts){ 0 }, capture.stream), -ENODATA);
	text = capture_end(&capture);
	assert_string_equal(text, "");
	free(text);
}

static void a_number_that_is_used_again_is_another_target(void **state)
{
	struct report *report = report_begin();
	json_t *recording;

	(void)state;
	for (time_t second = 1; second <= 9; second++) {
		feed(report, 1, "web", second, MIB);
		if (second <= 2 || second >= 7)
			feed(report, 2, second <= 2 ? "old" : "new", second, MIB);
	}
	recording = recording_in(page_of(report, &(struct report_facts){ 0 }));
	assert_int_equal(json_array_size(json_object_get(recording, "targets")), 3);
	assert_int_equal(points_of(recording, 1), 2);
	assert_int_equal(points_of(recording, 2), 3);
	json_decref(recording);
}

static void of_a_process_that_ended_its_last_figures_stay(void **state)
{
	struct report *report = report_begin();
	const json_t *ended, *unreadable;
	json_t *recording;

	(void)state;
	for (time_t second = 1; second <= 4; second++) {
		feed(report, 1, "web", second, MIB);
		if (second <= 3)
			feed(report, 2, "job", second, second <= 2 ? second * MIB : UNKNOWN);
		feed(report, 3, "sealed", second, UNKNOWN);
	}
	recording = recording_in(page_of(report, &(struct report_facts){ 0 }));
	ended = target_at(recording, 1);
	unreadable = target_at(recording, 2);
	assert_true(json_is_true(json_object_get(ended, "gone")));
	assert_int_equal(fact(json_object_get(json_object_get(ended, "snapshot"), "kernel"), "rss"), 2 * MIB);
	assert_int_equal(points_of(recording, 1), 2);
	assert_true(json_is_false(json_object_get(unreadable, "gone")));
	assert_int_equal(points_of(recording, 2), 4);
	assert_int_equal(fact(recording, "samples"), 11);
	json_decref(recording);
}

/* Hundreds of targets for long: the page stays small, and each has its share. */
static void a_long_recording_is_thinned(void **state)
{
	struct report *report = report_begin();
	json_t *recording;
	size_t size, all = 0;
	char *page;

	(void)state;
	for (time_t second = 1; second <= 600; second++)
		for (pid_t pid = 1; pid <= 150; pid++)
			feed(report, pid, "web", second, second == 300 ? 900 * MIB : MIB);
	page = page_of(report, &(struct report_facts){ 0 });
	size = strlen(page);
	recording = recording_in(page);
	for (size_t i = 0; i < 150; i++) {
		assert_true(points_of(recording, i) >= 200);
		all += points_of(recording, i);
	}
	assert_true(all <= REPORT_POINTS + 2 * 150);
	assert_true(size < 6 << 20);
	json_decref(recording);
}

static void peaks_and_the_last_sample_stay_when_points_are_thinned(void **state)
{
	struct thinned thinned = { 0 };
	bool peak = false;

	(void)state;
	for (int64_t t = 1; t <= 1001; t++) {
		struct series_point point = { .time_ms = t, .rss = t == 497 ? 77 : 5 };

		assert_int_equal(thinned_add(&thinned, &point), 0);
		if (thinned.n == 64)
			thinned_halve(&thinned);
	}
	assert_int_equal(thinned_end(&thinned), 0);
	assert_true(thinned.n >= 31 && thinned.n <= 66);
	assert_int_equal(thinned.points[0].time_ms, 1);
	assert_int_equal(thinned.points[thinned.n - 1].time_ms, 1001);
	for (size_t i = 1; i < thinned.n; i++) {
		assert_true(thinned.points[i].time_ms > thinned.points[i - 1].time_ms);
		peak = peak || thinned.points[i].rss == 77;
	}
	assert_true(peak);
	thinned_free(&thinned);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_has_targets_series_and_trims),
		cmocka_unit_test(a_hostile_name_ends_no_element),
		cmocka_unit_test(what_is_no_snapshot_is_counted),
		cmocka_unit_test(a_damaged_line_does_no_harm),
		cmocka_unit_test(without_a_snapshot_there_is_no_page),
		cmocka_unit_test(a_number_that_is_used_again_is_another_target),
		cmocka_unit_test(of_a_process_that_ended_its_last_figures_stay),
		cmocka_unit_test(a_long_recording_is_thinned),
		cmocka_unit_test(peaks_and_the_last_sample_stay_when_points_are_thinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
