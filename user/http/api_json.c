// SPDX-License-Identifier: GPL-2.0-only
#include "user/http/api_json.h"

#include "user/base/units.h"
#include "user/http/api.h"
#include "user/output/json_events.h"
#include "user/output/json_parts.h"
#include "user/output/json_snapshot.h"
#include "user/output/output.h"

/* The index of a target in a picture; picture->n: it is not there. Both have them in nearly the same order, so it mostly is the next one. */
static size_t find(const struct picture *picture, uint64_t id, size_t next)
{
	for (size_t i = 0; i < picture->n; i++) {
		size_t at = (next + i) % picture->n;

		if (picture->ids[at] == id)
			return at;
	}
	return picture->n;
}

static void write_target(struct json_writer *writer, const struct stored_target *target, const struct snapshot *snapshot)
{
	writer_open_object(writer, NULL);
	writer_number(writer, "id", (int64_t)target->id);
	writer_boolean(writer, "gone", target->gone);
	json_write_time(writer, "first", &target->first);
	json_write_time(writer, "last", &target->last);
	json_write_target(writer, &target->name);
	if (snapshot)
		json_write_snapshot(writer, "snapshot", snapshot);
	else
		writer_null(writer, "snapshot");
	writer_close_object(writer);
}

static void write_totals(struct json_writer *writer, const struct picture *picture)
{
	writer_open_object(writer, "trims");
	for (enum trim_outcome i = TRIM_TRIMMED; i <= TRIM_DRY_RUN; i++)
		writer_number(writer, outcome_name(i), picture ? (int64_t)picture->trims[i] : 0);
	writer_close_object(writer);
	writer_number(writer, "reclaimed", picture ? picture->reclaimed : 0);
	writer_number(writer, "without_series", picture ? (int64_t)picture->without_series : 0);
}

static void write_interval(struct json_writer *writer, const struct picture *picture)
{
	writer_number(writer, "interval", picture ? (int64_t)picture->number : 0);
	if (picture && picture->n)
		json_write_time(writer, "time", &picture->now);
	else
		writer_null(writer, "time");
}

void api_write_targets(FILE *body, const struct picture *picture, const struct stored_target *targets, size_t n)
{
	struct json_writer writer = { .stream = body };
	size_t at = 0;

	writer_open_object(&writer, NULL);
	write_interval(&writer, picture);
	write_totals(&writer, picture);
	writer_open_list(&writer, "targets");
	for (size_t i = 0; i < n; i++) {
		const struct snapshot *snapshot = NULL;

		if (picture && !targets[i].gone) {
			at = find(picture, targets[i].id, at);
			snapshot = at < picture->n ? &picture->snapshots[at++] : NULL;
		}
		write_target(&writer, &targets[i], snapshot);
	}
	writer_close_list(&writer);
	writer_close_object(&writer);
	putc('\n', body);
}

static void write_column(struct json_writer *writer, const char *key, const struct series_point *points, size_t n, size_t offset)
{
	writer_open_list(writer, key);
	for (size_t i = 0; i < n; i++)
		writer_number(writer, NULL, *(const int64_t *)((const char *)&points[i] + offset));
	writer_close_list(writer);
}

void api_write_series(FILE *body, uint64_t id, const struct series_point *points, size_t n)
{
	struct json_writer writer = { .stream = body };

	writer_open_object(&writer, NULL);
	writer_number(&writer, "id", (int64_t)id);
	write_column(&writer, "time_ms", points, n, offsetof(struct series_point, time_ms));
	write_column(&writer, "alloc", points, n, offsetof(struct series_point, alloc));
	write_column(&writer, "rss", points, n, offsetof(struct series_point, rss));
	write_column(&writer, "current", points, n, offsetof(struct series_point, current));
	write_column(&writer, "limit", points, n, offsetof(struct series_point, limit));
	write_column(&writer, "gap", points, n, offsetof(struct series_point, gap));
	writer_close_object(&writer);
	putc('\n', body);
}

static void write_trim_list(struct json_writer *writer, const struct stored_trim *trims, size_t n)
{
	writer_open_list(writer, "trims");
	for (size_t i = 0; i < n; i++) {
		writer_open_object(writer, NULL);
		writer_number(writer, "number", (int64_t)trims[i].number);
		writer_number(writer, "id", trims[i].target ? (int64_t)trims[i].target : UNKNOWN);
		json_write_time(writer, "time", &trims[i].event.now);
		json_write_target(writer, &trims[i].event.target);
		json_write_trim_members(writer, &trims[i].event);
		writer_number(writer, "regrown", trims[i].regrown);
		writer_close_object(writer);
	}
	writer_close_list(writer);
}

void api_write_trims(FILE *body, const struct stored_trim *trims, size_t n, bool more)
{
	struct json_writer writer = { .stream = body };

	writer_open_object(&writer, NULL);
	write_trim_list(&writer, trims, n);
	writer_boolean(&writer, "more", more);
	writer_close_object(&writer);
	putc('\n', body);
}

static void write_point(struct json_writer *writer, const struct snapshot *snapshot)
{
	struct series_point point = series_point_of(snapshot);

	writer_open_list(writer, "point");
	writer_number(writer, NULL, point.time_ms);
	writer_number(writer, NULL, point.alloc);
	writer_number(writer, NULL, point.rss);
	writer_number(writer, NULL, point.current);
	writer_number(writer, NULL, point.limit);
	writer_number(writer, NULL, point.gap);
	writer_close_list(writer);
}

static void write_present(struct json_writer *writer, const struct picture *picture)
{
	char name[TARGET_PATH_MAX];

	writer_open_list(writer, "targets");
	for (size_t i = 0; i < picture->n && i < API_TARGETS; i++) {
		writer_open_object(writer, NULL);
		writer_number(writer, "id", (int64_t)picture->ids[i]);
		writer_text(writer, "name", format_target(name, sizeof(name), &picture->snapshots[i].target));
		writer_text(writer, "verdict", verdict_name(picture->snapshots[i].gap.verdict));
		write_point(writer, &picture->snapshots[i]);
		writer_close_object(writer);
	}
	writer_close_list(writer);
}

uint64_t api_trims_so_far(const struct picture *picture)
{
	uint64_t n = 0;

	for (enum trim_outcome i = TRIM_NONE; i <= TRIM_DRY_RUN; i++)
		n += picture->trims[i];
	return n;
}

void api_write_event(FILE *body, const struct picture *picture, const struct stored_trim *trims, size_t n)
{
	struct json_writer writer = { .stream = body };
	uint64_t last = n ? trims[n - 1].number : api_trims_so_far(picture);

	fprintf(body, "event: interval\nid: %llu\ndata: ", (unsigned long long)picture->number);
	writer_open_object(&writer, NULL);
	write_interval(&writer, picture);
	writer_number(&writer, "last_trim", (int64_t)last);
	write_present(&writer, picture);
	write_trim_list(&writer, trims, n);
	writer_close_object(&writer);
	fputs("\n\n", body);
}
