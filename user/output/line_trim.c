// SPDX-License-Identifier: GPL-2.0-only
/* What people read of trims: a line when one is triggered, one when it is measured, one a minute later. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/units.h"
#include "user/output/line.h"

/* A figure as text in a sentence; lives as long as the block around it. */
#define TEXT(bytes) format_bytes((char[BYTES_TEXT_MAX]){ 0 }, bytes)

static void print_name(FILE *stream, const struct target_name *target)
{
	char name[TARGET_PATH_MAX];

	fprintf(stream, "Trim: %s", format_target(name, sizeof(name), target));
}

static void print_text(FILE *stream, const char *text)
{
	char printable[WHY_MAX];

	snprintf(printable, sizeof(printable), "%s", text);
	fputs(text_make_printable(printable), stream);
}

static void print_pids(FILE *stream, const struct trim_event *event)
{
	for (size_t i = 0; i < event->n_pids; i++)
		fprintf(stream, "%s%d", i ? ", " : event->n_pids > 1 ? "pids " : "pid ", event->pids[i]);
}

static bool is_reclaim(const struct trim_event *event)
{
	return !strcmp(event->action, "reclaim");
}

static bool is_exec(const struct trim_event *event)
{
	return !strncmp(event->action, "exec:", strlen("exec:"));
}

static void print_reason(FILE *stream, const struct trim_event *event)
{
	if (is_known(event->reason.threshold))
		fprintf(stream, " has %s = %s, the threshold is %s: ", metric_name(event->reason.metric), TEXT(event->reason.value),
			TEXT(event->reason.threshold));
	else
		fprintf(stream, " is %s: ", verdict_name(event->verdict));
}

static void print_action(FILE *stream, const struct trim_event *event)
{
	print_text(stream, event->action);
	if (is_reclaim(event))
		fputs(" from its cgroup", stream);
	else if (event->n_pids) {
		fputs(is_exec(event) ? " for " : " to ", stream);
		print_pids(stream, event);
	}
	if (event->caller == CALLER_KERNEL && !isnan(event->late_ms))
		fprintf(stream, " %.0f us after it was crossed", event->late_ms * 1000);
	if (event->predicted > 0)
		fprintf(stream, ", %s expected back", TEXT(event->predicted));
}

void line_trim_triggered(struct output *output, const struct trim_event *event)
{
	FILE *stream = output->stream;

	print_name(stream, &event->target);
	print_reason(stream, event);
	if (event->outcome == TRIM_REFUSED || event->outcome == TRIM_FAILED) {
		print_text(stream, event->action);
		fprintf(stream, " %s: ", outcome_name(event->outcome));
		print_text(stream, event->why);
	} else {
		if (event->outcome == TRIM_DRY_RUN)
			fputs(strncmp(event->action, "signal:", strlen("signal:")) ? "would do " : "would send ", stream);
		print_action(stream, event);
	}
	fputc('\n', stream);
}

bool line_tells_end(const struct trim_event *event)
{
	bool begun = event->n_pids || is_reclaim(event) || is_exec(event);

	return begun && !isnan(event->took_ms) && event->outcome != TRIM_REFUSED && event->outcome != TRIM_DRY_RUN;
}

static void print_effect(FILE *stream, const struct trim_event *event)
{
	bool of_cgroup = !event->n_pids;
	double error = trim_prediction_error(event);

	fprintf(stream, " %s %s -> %s, %s back in %.0f ms", of_cgroup ? "cgroup" : "RSS",
		TEXT(of_cgroup ? event->before.current : event->before.rss), TEXT(of_cgroup ? event->after.current : event->after.rss),
		TEXT(event->reclaimed), event->took_ms);
	if (!isnan(error))
		fprintf(stream, ", %s were expected (%.1f %% off)", TEXT(event->predicted), error);
}

void line_trim_ended(struct output *output, const struct trim_event *event)
{
	FILE *stream = output->stream;

	if (!line_tells_end(event))
		return;
	print_name(stream, &event->target);
	if (event->outcome == TRIM_TRIMMED) {
		print_effect(stream, event);
	} else if (event->outcome == TRIM_NOTHING) {
		if (is_known(event->before.rss))
			fprintf(stream, " RSS %s, nothing came back: ", TEXT(event->before.rss));
		else
			fputs(": nothing came back: ", stream);
		print_text(stream, event->why);
	} else {
		fputs(" failed: ", stream);
		print_text(stream, event->why);
	}
	fputc('\n', stream);
}

void line_trim_regrown(struct output *output, const struct trim_regrowth *regrowth)
{
	FILE *stream = output->stream;

	print_name(stream, &regrowth->target);
	if (regrowth->unread)
		fprintf(stream, ": what is back after %.0f s is not known: out of descriptors or memory\n", regrowth->after_s);
	else if (!is_known(regrowth->regrown) && regrowth->gone && regrowth->target.kind == TARGET_CGROUP)
		fprintf(stream, ": pid %d is gone, %.0f s after its trim\n", regrowth->gone, regrowth->after_s);
	else if (!is_known(regrowth->regrown))
		fprintf(stream, " is gone, %.0f s after its trim\n", regrowth->after_s);
	else if (regrowth->regrown > 0)
		fprintf(stream, ": of %s trimmed %s are back after %.0f s\n", TEXT(regrowth->reclaimed), TEXT(regrowth->regrown),
			regrowth->after_s);
	else
		fprintf(stream, ": of %s trimmed nothing is back after %.0f s\n", TEXT(regrowth->reclaimed), regrowth->after_s);
}
