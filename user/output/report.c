// SPDX-License-Identifier: GPL-2.0-only
#include "user/output/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/base/json_read.h"
#include "user/base/units.h"
#include "user/output/json_parts.h"
#include "user/output/report_parts.h"
#include "user/page/page.h"

#define KEY_MAX (TARGET_PATH_MAX + 32)
/* Read so many before they are thinned, of all targets together: 50 MB. */
#define POINTS_READ (16 * REPORT_POINTS)

struct report *report_begin(void)
{
	return calloc(1, sizeof(struct report));
}

static void free_target(struct report_target *target)
{
	free(target->key);
	free(target->first);
	free(target->last);
	free(target->snapshot);
	thinned_free(&target->series);
}

static void free_trim(struct report_trim *trim)
{
	free(trim->key);
	free(trim->line);
}

void report_drop(struct report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->n_targets; i++)
		free_target(&report->targets[i]);
	free(report->targets);
	for (size_t i = 0; i < report->n_trims; i++)
		free_trim(&report->trims[i]);
	free(report->trims);
	free(report);
}

/* NULL: it is not there, or nothing of that kind. */
static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static int64_t number_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : UNKNOWN;
}

/* "2026-01-31T12:00:00.123Z"; false: it is something else. */
static bool parse_time(const char *text, int64_t *ret_ms)
{
	struct tm utc = { 0 };
	int ms, end = 0;

	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &utc.tm_hour, &utc.tm_min,
			    &utc.tm_sec, &ms, &end) != 7 || !end || text[end])
		return false;
	utc.tm_year -= 1900;
	utc.tm_mon--;
	*ret_ms = (int64_t)timegm(&utc) * 1000 + ms;
	return true;
}

/* false: it names nothing. */
static bool key_of(const json_t *line, char key[KEY_MAX])
{
	const json_t *target = json_object_get(line, "target");
	const char *kind = text_of(target, "kind"), *cgroup = text_of(target, "cgroup");
	int64_t pid = number_of(target, "pid");

	if (!kind || (!is_known(pid) && !cgroup))
		return false;
	if (!strcmp(kind, "process"))
		snprintf(key, KEY_MAX, "process %lld", (long long)pid);
	else
		snprintf(key, KEY_MAX, "%.16s %.*s", kind, TARGET_PATH_MAX, cgroup ? cgroup : "");
	return true;
}

/* They come in the same order at each interval. A number that is used again after its process had gone is another one. */
static struct report_target *find(struct report *report, const char *key)
{
	for (size_t i = 0; i < report->n_targets; i++) {
		size_t at = (report->next + i) % report->n_targets;
		struct report_target *target = &report->targets[at];

		if (target->round + 1 >= report->round && !strcmp(target->key, key)) {
			report->next = at + 1;
			return target;
		}
	}
	return NULL;
}

/* NULL: out of memory. */
static struct report_target *add_target(struct report *report, const char *key, const char *time)
{
	struct report_target *target;

	if (report->n_targets == report->room) {
		size_t room = report->room ? report->room * 2 : 16;
		struct report_target *targets = realloc(report->targets, room * sizeof(*targets));

		if (!targets)
			return NULL;
		report->targets = targets;
		report->room = room;
	}
	target = &report->targets[report->n_targets];
	*target = (struct report_target){ .key = strdup(key), .first = strdup(time) };
	if (!target->key || !target->first) {
		free_target(target);
		return NULL;
	}
	report->n_targets++;
	report->next = report->n_targets;
	return target;
}

/* Those with the most points have half as many, until together they have no more than these. */
static void shrink(struct report *report, size_t points)
{
	size_t longest = 0;

	for (size_t i = 0; i < report->n_targets; i++)
		longest = report->targets[i].series.n > longest ? report->targets[i].series.n : longest;
	for (; report->points > points && longest > 2; longest /= 2) {
		report->points = 0;
		for (size_t i = 0; i < report->n_targets; i++) {
			struct thinned *series = &report->targets[i].series;

			while (series->n > longest / 2 + 1)
				thinned_halve(series);
			report->points += series->n;
		}
	}
}

/* For a line in place of one of so many bytes: as long a one always fits. */
static bool has_room(const struct report *report, size_t length, size_t before)
{
	return length <= REPORT_BYTES - report->bytes + before;
}

/* A line is kept as it is: it has been parsed, so it is one object. */
static int keep_last(struct report *report, struct report_target *target, const char *line, size_t length, const char *time)
{
	char *snapshot = realloc(target->snapshot, length), *last;

	if (!snapshot)
		return -ENOMEM;
	report->bytes += length - target->size;
	target->snapshot = memcpy(snapshot, line, length);
	target->size = length;
	last = strdup(time);
	if (!last)
		return -ENOMEM;
	free(target->last);
	target->last = last;
	return 0;
}

static int add_point(struct report *report, struct report_target *target, const json_t *line, int64_t time_ms)
{
	const json_t *kernel = json_object_get(line, "kernel"), *cgroup = json_object_get(kernel, "cgroup");
	const struct series_point point = {
		.time_ms = time_ms,
		.alloc = number_of(json_object_get(line, "allocator"), "alloc"),
		.rss = number_of(kernel, "rss"),
		.current = number_of(cgroup, "current"),
		.limit = number_of(cgroup, "limit"),
		.gap = number_of(json_object_get(line, "gap"), "bytes"),
	};
	size_t before = target->series.n;
	int error = thinned_add(&target->series, &point);

	report->points += target->series.n - before;
	if (report->points > POINTS_READ)
		shrink(report, POINTS_READ / 2);
	return error;
}

/* What the page reads of one without asking whether it is there. */
static bool is_snapshot(const json_t *line)
{
	return json_is_object(json_object_get(line, "allocator")) && text_of(json_object_get(line, "allocator"), "source") &&
	       json_is_object(json_object_get(json_object_get(line, "kernel"), "cgroup")) &&
	       text_of(json_object_get(line, "gap"), "verdict") && json_is_object(json_object_get(line, "trim"));
}

static int add_snapshot(struct report *report, const json_t *line, const char *text, size_t length, const char *key, int64_t time_ms)
{
	const bool is_resident = is_known(number_of(json_object_get(line, "kernel"), "rss"));
	struct report_target *target = find(report, key);
	int error;

	report->samples++;
	/* the last that memgap says of a process is that it is gone: what it was is of more use */
	if (target && target->is_resident && !is_resident && !strncmp(key, "process ", 8))
		return 0;
	if ((!target && report->n_targets == REPORT_TARGETS) || !has_room(report, length, target ? target->size : 0)) {
		report->samples_left_out++;
		return 0;
	}
	if (!target)
		target = add_target(report, key, text_of(line, "time"));
	if (!target)
		return -ENOMEM;
	if (target->round == report->round)
		report->round++;
	target->round = report->round;
	target->is_resident = is_resident;
	error = keep_last(report, target, text, length, text_of(line, "time"));
	return error ? error : add_point(report, target, line, time_ms);
}

/* 0: it has not been seen. */
static size_t id_of(const struct report *report, const char *key)
{
	size_t id = report->n_targets;

	while (id && strcmp(report->targets[id - 1].key, key) != 0)
		id--;
	return id;
}

/* false: out of memory. */
static bool has_room_for_trim(struct report *report)
{
	size_t room = report->room_of_trims ? report->room_of_trims * 2 : 16;
	struct report_trim *trims;

	if (report->n_trims < report->room_of_trims)
		return true;
	trims = realloc(report->trims, room * sizeof(*trims));
	if (!trims)
		return false;
	report->trims = trims;
	report->room_of_trims = room;
	return true;
}

static int add_trim(struct report *report, const json_t *line, const char *text, size_t length, const char *key)
{
	struct report_trim trim = { .size = length, .reclaimed = number_of(line, "reclaimed"), .regrown = UNKNOWN };

	if (report->n_trims == REPORT_TRIMS || !has_room(report, length, 0)) {
		report->trims_left_out++;
		return 0;
	}
	if (!has_room_for_trim(report))
		return -ENOMEM;
	trim.id = id_of(report, key);
	trim.key = strdup(key);
	trim.line = malloc(length);
	if (!trim.key || !trim.line) {
		free_trim(&trim);
		return -ENOMEM;
	}
	memcpy(trim.line, text, length);
	report->trims[report->n_trims++] = trim;
	report->bytes += length;
	return 0;
}

static void add_regrowth(struct report *report, const json_t *line, const char *key)
{
	for (size_t i = 0; i < report->n_trims; i++) {
		struct report_trim *trim = &report->trims[i];

		if (is_known(trim->regrown) || trim->reclaimed != number_of(line, "reclaimed") || strcmp(key, trim->key) != 0)
			continue;
		trim->regrown = number_of(line, "regrown");
		return;
	}
}

static int add_line(struct report *report, const json_t *line, const char *text, size_t length)
{
	const char *event = text_of(line, "event");
	char key[KEY_MAX];
	int64_t time_ms;

	if (number_of(line, "schema") == JSON_SCHEMA && parse_time(text_of(line, "time"), &time_ms) && key_of(line, key)) {
		if (!event && is_snapshot(line))
			return add_snapshot(report, line, text, length, key, time_ms);
		if (event && !strcmp(event, "trim") && text_of(line, "outcome") && text_of(line, "action"))
			return add_trim(report, line, text, length, key);
		if (event && !strcmp(event, "regrowth")) {
			add_regrowth(report, line, key);
			return 0;
		}
	}
	report->other_lines++;
	return 0;
}

int report_line(struct report *report, const char *json_line, size_t length)
{
	json_t *line;
	int error = json_read(json_line, length, 0, &line, NULL);

	report->lines++;
	if (error == -ENOMEM)
		return error;
	error = 0;
	if (json_is_object(line))
		error = add_line(report, line, json_line, length);
	else if (line)
		report->other_lines++;
	else
		report->bad_lines++;
	json_decref(line);
	return error;
}

struct report_counts report_counts(const struct report *report)
{
	return (struct report_counts){ report->lines - report->other_lines - report->bad_lines, report->other_lines, report->bad_lines };
}

bool report_is_empty(const struct report *report)
{
	return !report->n_targets;
}

/* What failed first is what errno has. */
static int write_page(FILE *html, const char *json, size_t size)
{
	errno = 0;
	page_write_with(html, json, size);
	if (!fflush(html) && !ferror(html))
		return 0;
	return errno ? -errno : -EIO;
}

int report_finish(struct report *report, const struct report_facts *facts, FILE *html)
{
	char *text = NULL;
	size_t size = 0;
	int error = report_is_empty(report) ? -ENODATA : 0;

	if (!error)
		shrink(report, REPORT_POINTS);
	for (size_t i = 0; i < report->n_targets && !error; i++)
		error = thinned_end(&report->targets[i].series);
	if (!error)
		error = report_write_json(report, facts, &text, &size);
	if (!error)
		error = write_page(html, text, size);
	free(text);
	report_drop(report);
	return error;
}
