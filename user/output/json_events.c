// SPDX-License-Identifier: GPL-2.0-only
#include "user/output/json_events.h"

#include "user/base/units.h"
#include "user/output/json_parts.h"

static void begin(struct json_writer *writer, const char *event, const struct timespec *now, const struct target_name *target)
{
	writer_open_object(writer, NULL);
	writer_number(writer, "schema", JSON_SCHEMA);
	writer_text(writer, "event", event);
	json_write_time(writer, "time", now);
	json_write_target(writer, target);
}

static void end(struct json_writer *writer)
{
	writer_close_object(writer);
	putc('\n', writer->stream);
}

static void write_reason(struct json_writer *writer, const struct trim_reason *reason)
{
	writer_open_object(writer, "reason");
	writer_text(writer, "metric", metric_name(reason->metric));
	writer_number(writer, "value", reason->value);
	writer_number(writer, "threshold", reason->threshold);
	writer_close_object(writer);
}

static void write_pids(struct json_writer *writer, const struct trim_event *event)
{
	writer_open_list(writer, "pids");
	for (size_t i = 0; i < event->n_pids; i++)
		writer_number(writer, NULL, event->pids[i]);
	writer_close_list(writer);
}

static void write_sizes(struct json_writer *writer, const char *key, int64_t rss, int64_t current)
{
	writer_open_object(writer, key);
	writer_number(writer, "rss", rss);
	writer_number(writer, "current", current);
	writer_close_object(writer);
}

void json_write_trim_members(struct json_writer *writer, const struct trim_event *event)
{
	write_reason(writer, &event->reason);
	writer_text(writer, "verdict", verdict_name(event->verdict));
	writer_text(writer, "by", caller_name(event->caller));
	writer_real(writer, "late_ms", event->late_ms, 3);
	writer_text(writer, "action", event->action);
	write_pids(writer, event);
	writer_number(writer, "predicted", event->predicted);
	write_sizes(writer, "before", event->before.rss, event->before.current);
	write_sizes(writer, "after", event->after.rss, event->after.current);
	writer_number(writer, "reclaimed", event->reclaimed);
	writer_real(writer, "prediction_error_percent", trim_prediction_error(event), 1);
	writer_real(writer, "took_ms", event->took_ms, 1);
	writer_text(writer, "outcome", outcome_name(event->outcome));
	writer_text(writer, "why", event->why);
}

void json_write_trim(FILE *stream, const struct trim_event *event)
{
	struct json_writer writer = { .stream = stream };

	begin(&writer, "trim", &event->now, &event->target);
	json_write_trim_members(&writer, event);
	end(&writer);
}

void json_write_regrowth(FILE *stream, const struct trim_regrowth *regrowth)
{
	struct json_writer writer = { .stream = stream };

	begin(&writer, "regrowth", &regrowth->now, &regrowth->target);
	writer_number(&writer, "pid", regrowth->pid ? regrowth->pid : UNKNOWN);
	writer_real(&writer, "after_s", regrowth->after_s, 1);
	writer_number(&writer, "reclaimed", regrowth->reclaimed);
	writer_number(&writer, "regrown", regrowth->regrown);
	end(&writer);
}

void json_write_look(FILE *stream, const struct trim_look *look)
{
	struct json_writer writer = { .stream = stream };

	begin(&writer, "decision", &look->now, &look->target);
	write_reason(&writer, &look->reason);
	writer_text(&writer, "verdict", verdict_name(look->verdict));
	writer_text(&writer, "decision", decision_name(look->decision));
	writer_text(&writer, "why", look->why);
	end(&writer);
}
