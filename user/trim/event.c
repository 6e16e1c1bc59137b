// SPDX-License-Identifier: GPL-2.0-only
#include "user/trim/event.h"

const char *metric_name(enum trim_metric metric)
{
	static const char *const names[METRIC_COUNT] = {
		[METRIC_ALLOC] = "alloc",
		[METRIC_GAP] = "gap",
		[METRIC_RSS] = "rss",
		[METRIC_CGROUP] = "cgroup",
	};

	return names[metric];
}

const char *outcome_name(enum trim_outcome outcome)
{
	static const char *const names[] = {
		[TRIM_NONE] = "none",	    [TRIM_TRIMMED] = "trimmed", [TRIM_NOTHING] = "nothing",
		[TRIM_REFUSED] = "refused", [TRIM_FAILED] = "failed",	[TRIM_DRY_RUN] = "dry-run",
	};

	return names[outcome];
}
