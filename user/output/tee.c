// SPDX-License-Identifier: GPL-2.0-only
#include "user/output/tee.h"

/* The output is its first member. */
#define BOTH(output, call, ...)                                         \
	do {                                                            \
		struct tee_output *tee_ = (struct tee_output *)(output); \
		call(tee_->to[0], ##__VA_ARGS__);                       \
		call(tee_->to[1], ##__VA_ARGS__);                       \
	} while (0)

static void snapshot(struct output *output, const struct snapshot *given)
{
	BOTH(output, output_snapshot, given);
}

static void interval(struct output *output)
{
	BOTH(output, output_interval);
}

static void trim_triggered(struct output *output, const struct trim_event *event)
{
	BOTH(output, output_trim_triggered, event);
}

static void trim_ended(struct output *output, const struct trim_event *event)
{
	BOTH(output, output_trim_ended, event);
}

static void trim_regrown(struct output *output, const struct trim_regrowth *regrowth)
{
	BOTH(output, output_trim_regrown, regrowth);
}

void tee_output_init(struct tee_output *tee, struct output *a, struct output *b)
{
	static const struct output_format format = {
		.name = "tee",
		.snapshot = snapshot,
		.interval = interval,
		.trim_triggered = trim_triggered,
		.trim_ended = trim_ended,
		.trim_regrown = trim_regrown,
	};

	*tee = (struct tee_output){ .output.format = &format, .to = { a, b } };
}
