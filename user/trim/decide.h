/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a target is to be trimmed now. Pure: the clock is an argument. */
#ifndef MEMGAP_TRIM_DECIDE_H
#define MEMGAP_TRIM_DECIDE_H

#include <stdbool.h>

#include "user/trim/event.h"

struct trim_policy {
	bool enabled;
	enum trim_metric metric;
	int64_t threshold_bytes;   /* or, if that is 0: */
	int threshold_percent;     /* of the cgroup's limit */
	uint64_t cooldown_ns;      /* the least time between two attempts on one target */
};

enum trim_decision {
	TRIM_NOT_NOW,  /* below the threshold, or cooling down */
	TRIM_NOW,
	TRIM_CANNOT_TELL, /* the metric or the limit is not known */
};

/*
 * "[METRIC:]VALUE", VALUE a size or a percentage of the cgroup's limit. -EINVAL when malformed; -ENOTSUP for the
 * metric trimmable, which needs a look into the heap.
 */
int trim_policy_parse(const char *text, struct trim_policy *policy);

/*
 * last_ns: CLOCK_MONOTONIC of the last attempt on the target, 0 if there was none. *ret_value and *ret_threshold
 * (bytes, UNKNOWN where they are not known) are always written.
 */
enum trim_decision trim_decide(const struct trim_policy *policy, const struct snapshot *snapshot, uint64_t now_ns,
			       uint64_t last_ns, int64_t *ret_value, int64_t *ret_threshold);

#endif
