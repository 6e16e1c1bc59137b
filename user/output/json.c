// SPDX-License-Identifier: GPL-2.0-only
/* JSON, schema 1: one object a line. Built with jansson, which escapes what a process calls itself. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/units.h"
#include "user/output/output.h"

#define SCHEMA 1

static json_t *number(int64_t value)
{
	return is_known(value) ? json_integer(value) : json_null();
}

static json_t *real(double value, double decimals)
{
	return isnan(value) ? json_null() : json_real(round(value * decimals) / decimals);
}

/* Text from outside: what is not UTF-8 shows as '?'. */
static json_t *text(const char *value)
{
	json_t *json = json_string(value);
	char clean[TARGET_PATH_MAX];

	if (json)
		return json;
	snprintf(clean, sizeof(clean), "%s", value);
	return json_string(text_make_printable(clean));
}

static json_t *text_or_null(const char *value)
{
	return *value ? text(value) : json_null();
}

static json_t *time_text(const struct timespec *time)
{
	char day[32], full[48];
	struct tm utc;

	gmtime_r(&time->tv_sec, &utc);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(full, sizeof(full), "%s.%03ldZ", day, time->tv_nsec / 1000000);
	return json_string(full);
}

static json_t *target_object(const struct target_name *target)
{
	bool process = target->kind == TARGET_PROCESS;

	return json_pack("{s:s, s:o, s:o, s:o, s:n, s:o}", "kind", process ? "process" : "cgroup", "pid",
			 process ? json_integer(target->pid) : json_null(), "comm", text_or_null(target->comm), "cgroup",
			 text_or_null(target->cgroup), "container", "processes", number(target->processes));
}

static json_t *allocator_object(const struct allocator_view *view)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:n, s:o, s:n}", "name", text_or_null(view->name), "source",
			 source_name(view->source), "alloc", number(view->alloc), "total_alloc", number(view->total_alloc),
			 "mallocs", number(view->mallocs), "frees", number(view->frees), "baseline", number(view->baseline),
			 "sys", number(view->sys), "num_gc", "missed", number(view->missed), "overhead_percent");
}

/* What later versions fill is null so far: not known. */
static json_t *cgroup_object(const struct kernel_view *view)
{
	return json_pack("{s:o, s:o, s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "current", number(view->cgroup_current), "limit",
			 number(view->cgroup_limit), "anon", "file", "inactive_file", "kernel", "working_set", "oom_kills",
			 "psi_some_avg10");
}

static json_t *kernel_object(const struct kernel_view *view)
{
	json_t *flow = json_pack("{s:o, s:o, s:o, s:o}", "mapped", number(view->flow.mapped), "unmapped",
				 number(view->flow.unmapped), "brk", number(view->flow.brk), "returned",
				 number(view->flow.returned));

	return json_pack("{s:o, s:o, s:o, s:o, s:n, s:o, s:n, s:o, s:o}", "rss", number(view->rss), "rss_anon",
			 number(view->rss_anon), "rss_file", number(view->rss_file), "rss_shmem", number(view->rss_shmem),
			 "pss", "swap", number(view->swap), "lazyfree", "flow", flow, "cgroup", cgroup_object(view));
}

static json_t *gap_object(const struct gap *gap)
{
	return json_pack("{s:o, s:o, s:n, s:n, s:s, s:o}", "bytes", number(gap->bytes), "percent", real(gap->percent, 10),
			 "trimmable", "pinned", "verdict", verdict_name(gap->verdict), "why", text(gap->why));
}

static json_t *trim_object(const struct trim_summary *trim)
{
	json_t *last = json_null();

	if (trim->outcome != TRIM_NONE)
		last = json_pack("{s:s, s:o}", "outcome", outcome_name(trim->outcome), "reclaimed", number(trim->reclaimed));
	return json_pack("{s:o, s:o}", "count", number(trim->count), "last", last);
}

static void print_object(FILE *stream, json_t *object)
{
	json_dumpf(object, stream, JSON_COMPACT | JSON_REAL_PRECISION(15));
	fputc('\n', stream);
	json_decref(object);
}

static void print_snapshot(FILE *stream, const struct snapshot *snapshot, bool named)
{
	(void)named; /* the target is always in it */
	print_object(stream, json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", SCHEMA, "time",
				       time_text(&snapshot->now), "elapsed_s", real(snapshot->elapsed_s, 1000), "target",
				       target_object(&snapshot->target), "allocator", allocator_object(&snapshot->allocator),
				       "kernel", kernel_object(&snapshot->kernel), "gap", gap_object(&snapshot->gap), "trim",
				       trim_object(&snapshot->trim)));
}

static json_t *sizes_object(int64_t rss, int64_t current)
{
	return json_pack("{s:o, s:o}", "rss", number(rss), "current", number(current));
}

static void print_event(FILE *stream, const struct trim_event *event)
{
	json_t *pids = json_array();
	json_t *reason = json_pack("{s:s, s:o, s:o}", "metric", metric_name(event->reason.metric), "value",
				   number(event->reason.value), "threshold", number(event->reason.threshold));

	for (size_t i = 0; i < event->n_pids; i++)
		json_array_append_new(pids, json_integer(event->pids[i]));
	print_object(stream,
		     json_pack("{s:i, s:s, s:o, s:o, s:o, s:s, s:o, s:n, s:o, s:o, s:o, s:o, s:s, s:o}", "schema", SCHEMA, "event",
			       "trim", "time", time_text(&event->now), "target", target_object(&event->target), "reason", reason,
			       "action", event->action, "pids", pids, "predicted", "before",
			       sizes_object(event->before.rss, event->before.current), "after",
			       sizes_object(event->after.rss, event->after.current), "reclaimed", number(event->reclaimed),
			       "took_ms", real(event->took_ms, 10), "outcome", outcome_name(event->outcome), "why",
			       text(event->why)));
}

static void print_nothing(FILE *stream, const struct trim_event *event)
{
	(void)stream;
	(void)event; /* one object, when it has ended */
}

const struct output_format output_json = {
	.name = "json",
	.snapshot = print_snapshot,
	.trim_triggered = print_nothing,
	.trim_ended = print_event,
};
