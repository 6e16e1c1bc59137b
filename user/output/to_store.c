// SPDX-License-Identifier: GPL-2.0-only
#include "user/output/to_store.h"

#include "user/base/units.h"

/* The output is its first member. */
static struct store *store_of(struct output *output)
{
	return ((struct store_output *)output)->store;
}

/* The last that is said of a process is that it is gone: whoever asks for it is to find what it was. */
static bool is_end(const struct snapshot *snapshot)
{
	return snapshot->target.kind == TARGET_PROCESS && !is_known(snapshot->kernel.rss) && !snapshot->kernel.unreadable[0];
}

static void add(struct output *output, const struct snapshot *snapshot)
{
	if (!is_end(snapshot))
		store_add(store_of(output), snapshot);
}

static void end_interval(struct output *output)
{
	store_end_interval(store_of(output));
}

static void trim_triggered(struct output *output, const struct trim_event *event)
{
	(void)output;
	(void)event; /* when it has ended */
}

static void trim_ended(struct output *output, const struct trim_event *event)
{
	store_add_trim(store_of(output), event);
}

static void trim_regrown(struct output *output, const struct trim_regrowth *regrowth)
{
	store_add_regrowth(store_of(output), regrowth);
}

void store_output_init(struct store_output *output, struct store *store)
{
	static const struct output_format format = {
		.name = "store",
		.snapshot = add,
		.interval = end_interval,
		.trim_triggered = trim_triggered,
		.trim_ended = trim_ended,
		.trim_regrown = trim_regrown,
	};

	*output = (struct store_output){ .output.format = &format, .store = store };
}
