// SPDX-License-Identifier: GPL-2.0-only
#include "user/trim/event.h"

#include <math.h>

#include "user/base/units.h"

const char *metric_name(enum trim_metric metric)
{
	static const char *const names[METRIC_COUNT] = {
		[METRIC_ALLOC] = "alloc", [METRIC_GAP] = "gap",	      [METRIC_TRIMMABLE] = "trimmable",
		[METRIC_RSS] = "rss",	  [METRIC_CGROUP] = "cgroup",
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

const char *caller_name(enum trim_caller caller)
{
	static const char *const names[] = { [CALLER_TICK] = "tick", [CALLER_KERNEL] = "kernel", [CALLER_CROSSING] = "crossing",
					     [CALLER_USER] = "user" };

	return names[caller];
}

const char *decision_name(enum trim_decision decision)
{
	static const char *const names[] = {
		[TRIM_BELOW] = "below",	      [TRIM_CANNOT_TELL] = "unknown", [TRIM_AWAITED] = "awaited", [TRIM_HELPLESS] = "no-help",
		[TRIM_COOLING] = "cooling-down", [TRIM_BUSY] = "busy",	      [TRIM_NOW] = "trim",
	};

	return names[decision];
}

double trim_prediction_error(const struct trim_event *event)
{
	if (!is_known(event->predicted) || !is_known(event->reclaimed) || event->predicted <= 0)
		return NAN;
	return fabs(100.0 * (double)(event->reclaimed - event->predicted) / (double)event->predicted);
}
