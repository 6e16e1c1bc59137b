// SPDX-License-Identifier: GPL-2.0-only
/* JSON, schema 1: one object a line. */
#include "user/output/json_events.h"
#include "user/output/json_snapshot.h"
#include "user/output/output.h"

static void print_snapshot(struct output *output, const struct snapshot *snapshot)
{
	struct json_writer writer = { .stream = output->stream };

	json_write_snapshot(&writer, NULL, snapshot);
	putc('\n', output->stream);
}

static void print_trim(struct output *output, const struct trim_event *event)
{
	json_write_trim(output->stream, event);
}

static void print_regrowth(struct output *output, const struct trim_regrowth *regrowth)
{
	json_write_regrowth(output->stream, regrowth);
}

static void print_nothing(struct output *output, const struct trim_event *event)
{
	(void)output;
	(void)event; /* one object, when it has ended */
}

const struct output_format output_json = {
	.name = "json",
	.snapshot = print_snapshot,
	.trim_triggered = print_nothing,
	.trim_ended = print_trim,
	.trim_regrown = print_regrowth,
};
