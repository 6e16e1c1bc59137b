// SPDX-License-Identifier: GPL-2.0-only
/* One line a target, with the names of the Go program that memgap began as. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/units.h"
#include "user/output/line.h"

static void print_name(FILE *stream, const struct target_name *target)
{
	char name[TARGET_PATH_MAX];

	fputs(format_target(name, sizeof(name), target), stream);
}

#define ESTIMATE_TEXT_MAX (BYTES_TEXT_MAX + 1)

/* "~120 MiB": that is not exact. */
static const char *format_estimate(char text[ESTIMATE_TEXT_MAX], int64_t bytes, int64_t error)
{
	text[0] = '~';
	format_bytes(text + 1, bytes);
	return error && is_known(bytes) ? text : text + 1;
}

static void print_snapshot(struct output *output, const struct snapshot *snapshot)
{
	FILE *stream = output->stream;
	char alloc[ESTIMATE_TEXT_MAX], total[ESTIMATE_TEXT_MAX], sys[BYTES_TEXT_MAX], rss[BYTES_TEXT_MAX], gap[BYTES_TEXT_MAX];

	if (output->named) {
		print_name(stream, &snapshot->target);
		fputc('\t', stream);
	}
	fprintf(stream, "Alloc = %s\tTotalAlloc = %s\tSys = %s",
		format_estimate(alloc, snapshot->allocator.alloc, snapshot->allocator.alloc_error),
		format_estimate(total, snapshot->allocator.total_alloc, snapshot->allocator.total_error),
		format_bytes(sys, snapshot->allocator.sys));
	if (is_known(snapshot->allocator.go.num_gc))
		fprintf(stream, "\tNumGC = %" PRId64, snapshot->allocator.go.num_gc);
	fprintf(stream, "\tNumTrim = %" PRId64 "\tRSS = %s\tGap = %s", snapshot->trim.count, format_bytes(rss, snapshot->kernel.rss),
		format_bytes(gap, snapshot->gap.bytes));
	if (is_known(snapshot->gap.bytes) && !isnan(snapshot->gap.percent))
		fprintf(stream, " (%ld %%)", lround(snapshot->gap.percent)); /* %.0f would have a -0 */
	if (is_known(snapshot->kernel.cgroup.current)) {
		char current[BYTES_TEXT_MAX], limit[BYTES_TEXT_MAX];

		fprintf(stream, "\tCgroup = %s", format_bytes(current, snapshot->kernel.cgroup.current));
		if (is_known(snapshot->kernel.cgroup.limit))
			fprintf(stream, " of %s", format_bytes(limit, snapshot->kernel.cgroup.limit));
	}
	fprintf(stream, "\t%s", verdict_name(snapshot->gap.verdict));
	if (is_known(snapshot->allocator.missed) && snapshot->allocator.missed)
		fprintf(stream, "\tMissed = %" PRId64, snapshot->allocator.missed);
	fputc('\n', stream);
}

const struct output_format output_line = {
	.name = "line",
	.snapshot = print_snapshot,
	.trim_triggered = line_trim_triggered,
	.trim_ended = line_trim_ended,
	.trim_regrown = line_trim_regrown,
};
