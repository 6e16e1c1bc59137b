// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/json_read.h"
#include "user/base/text_stream.h"
#include "user/base/units.h"
#include "user/output/json_writer.h"
#include "user/output/report_parts.h"

/* A value that is JSON already. Without a key: in a list. */
static void write_text(struct json_writer *writer, const char *key, const char *json, size_t size)
{
	if (writer->follows)
		putc(',', writer->stream);
	if (key)
		fprintf(writer->stream, "\"%s\":", key);
	fwrite(json, 1, size, writer->stream);
	writer->follows = true;
}

/* The name is in the snapshot as well, but the page reads it where /api/v1/targets has it. false: out of memory, as the line was read before. */
static bool write_name(struct json_writer *writer, const struct report_target *target)
{
	json_t *snapshot;
	char *name = NULL;

	if (!json_read(target->snapshot, target->size, 0, &snapshot, NULL))
		name = json_dumps(json_object_get(snapshot, "target"), JSON_COMPACT);
	if (name)
		write_text(writer, "target", name, strlen(name));
	free(name);
	json_decref(snapshot);
	return name != NULL;
}

/* In the last interval of a recording that was cut some may not have been written any more. */
static bool is_gone(const struct report *report, const struct report_target *target, bool cut)
{
	return target->round + (cut ? 1 : 0) < report->round;
}

static bool write_targets(struct json_writer *writer, const struct report *report, bool cut)
{
	bool all = true;

	writer_open_list(writer, "targets");
	for (size_t i = 0; i < report->n_targets; i++) {
		const struct report_target *target = &report->targets[i];

		writer_open_object(writer, NULL);
		writer_number(writer, "id", (int64_t)i + 1);
		writer_boolean(writer, "gone", is_gone(report, target, cut));
		writer_text(writer, "first", target->first);
		writer_text(writer, "last", target->last);
		all = write_name(writer, target) && all;
		write_text(writer, "snapshot", target->snapshot, target->size);
		writer_close_object(writer);
	}
	writer_close_list(writer);
	return all;
}

static void write_column(struct json_writer *writer, const char *key, const struct thinned *series, size_t offset)
{
	writer_open_list(writer, key);
	for (size_t i = 0; i < series->n; i++)
		writer_number(writer, NULL, *(const int64_t *)((const char *)&series->points[i] + offset));
	writer_close_list(writer);
}

static void write_series(struct json_writer *writer, const struct report *report)
{
	writer_open_list(writer, "series");
	for (size_t i = 0; i < report->n_targets; i++) {
		const struct thinned *series = &report->targets[i].series;

		writer_open_object(writer, NULL);
		writer_number(writer, "id", (int64_t)i + 1);
		writer_number(writer, "every", (int64_t)series->every);
		write_column(writer, "time_ms", series, offsetof(struct series_point, time_ms));
		write_column(writer, "alloc", series, offsetof(struct series_point, alloc));
		write_column(writer, "rss", series, offsetof(struct series_point, rss));
		write_column(writer, "current", series, offsetof(struct series_point, current));
		write_column(writer, "limit", series, offsetof(struct series_point, limit));
		write_column(writer, "gap", series, offsetof(struct series_point, gap));
		writer_close_object(writer);
	}
	writer_close_list(writer);
}

/* As /api/v1/trims has it. false: out of memory. */
static bool write_trim(struct json_writer *writer, const struct report_trim *trim, size_t number)
{
	json_t *object;
	char *text = NULL;

	if (!json_read(trim->line, trim->size, 0, &object, NULL) && !json_object_set_new(object, "number", json_integer((json_int_t)number)) &&
	    !json_object_set_new(object, "id", trim->id ? json_integer((json_int_t)trim->id) : json_null()) &&
	    !json_object_set_new(object, "regrown", is_known(trim->regrown) ? json_integer(trim->regrown) : json_null()))
		text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (!text)
		return false;
	write_text(writer, NULL, text, strlen(text));
	free(text);
	return true;
}

static bool write_trims(struct json_writer *writer, const struct report *report)
{
	bool good = true;

	writer_open_list(writer, "trims");
	for (size_t i = 0; i < report->n_trims && good; i++)
		good = write_trim(writer, &report->trims[i], i + 1);
	writer_close_list(writer);
	return good;
}

static void write_facts(struct json_writer *writer, const struct report *report, const struct report_facts *facts)
{
	writer_text_or_null(writer, "file", facts->file ? facts->file : "");
	writer_boolean(writer, "cut", facts->cut);
	writer_number(writer, "lost_lines", (int64_t)facts->lost_lines);
	writer_number(writer, "bad_lines", (int64_t)report->bad_lines);
	writer_number(writer, "other_lines", (int64_t)report->other_lines);
	writer_number(writer, "samples", (int64_t)report->samples);
	writer_number(writer, "samples_left_out", (int64_t)report->samples_left_out);
	writer_number(writer, "trims_left_out", (int64_t)report->trims_left_out);
}

int report_write_json(const struct report *report, const struct report_facts *facts, char **ret_text, size_t *ret_size)
{
	struct text_stream texts;
	struct json_writer writer = { 0 };
	bool failed;

	if (text_stream_open(&texts))
		return -ENOMEM;
	writer.stream = texts.stream;
	writer_open_object(&writer, NULL);
	write_facts(&writer, report, facts);
	failed = !write_targets(&writer, report, facts->cut);
	write_series(&writer, report);
	failed = !write_trims(&writer, report) || failed;
	writer_close_object(&writer);
	return text_stream_end(&texts, ret_text, ret_size) || failed ? -ENOMEM : 0;
}
