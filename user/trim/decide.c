// SPDX-License-Identifier: GPL-2.0-only
#include "user/trim/decide.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/units.h"

static int parse_metric(const char *text, size_t length, enum trim_metric *ret)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		const char *name = metric_name((enum trim_metric)i);

		if (strlen(name) == length && !strncmp(text, name, length)) {
			*ret = (enum trim_metric)i;
			return 0;
		}
	}
	return length == strlen("trimmable") && !strncmp(text, "trimmable", length) ? -ENOTSUP : -EINVAL;
}

static int parse_percent(const char *text, int *ret_percent)
{
	char digits[4] = "";
	int64_t percent;
	size_t length = strlen(text) - 1;

	if (length >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, length);
	if (parse_count(digits, 100, &percent))
		return -EINVAL;
	*ret_percent = (int)percent;
	return 0;
}

int trim_policy_parse(const char *text, struct trim_policy *policy)
{
	const char *colon = strchr(text, ':'), *value = colon ? colon + 1 : text;
	enum trim_metric metric = METRIC_ALLOC;
	int64_t bytes = 0;
	int percent = 0, result = 0;

	if (colon)
		result = parse_metric(text, (size_t)(colon - text), &metric);
	if (result)
		return result;
	if (*value && value[strlen(value) - 1] == '%')
		result = parse_percent(value, &percent);
	else
		result = parse_size(value, &bytes) || !bytes ? -EINVAL : 0;
	if (result)
		return result;
	policy->enabled = true;
	policy->metric = metric;
	policy->threshold_bytes = bytes;
	policy->threshold_percent = percent;
	return 0;
}

static int64_t value_of(enum trim_metric metric, const struct snapshot *snapshot)
{
	switch (metric) {
	case METRIC_ALLOC:
		return snapshot->allocator.alloc;
	case METRIC_GAP:
		return snapshot->gap.bytes;
	case METRIC_RSS:
		return snapshot->kernel.rss;
	case METRIC_CGROUP:
		return snapshot->kernel.cgroup.current;
	default:
		return UNKNOWN;
	}
}

static int64_t threshold_of(const struct trim_policy *policy, const struct snapshot *snapshot)
{
	if (policy->threshold_bytes)
		return policy->threshold_bytes;
	if (!is_known(snapshot->kernel.cgroup.limit))
		return UNKNOWN;
	return snapshot->kernel.cgroup.limit / 100 * policy->threshold_percent;
}

enum trim_decision trim_decide(const struct trim_policy *policy, const struct snapshot *snapshot, uint64_t now_ns,
			       uint64_t last_ns, int64_t *ret_value, int64_t *ret_threshold)
{
	*ret_value = UNKNOWN;
	*ret_threshold = UNKNOWN;
	if (!policy->enabled)
		return TRIM_NOT_NOW;
	*ret_value = value_of(policy->metric, snapshot);
	*ret_threshold = threshold_of(policy, snapshot);
	if (!is_known(*ret_value) || !is_known(*ret_threshold))
		return TRIM_CANNOT_TELL;
	if (*ret_value < *ret_threshold)
		return TRIM_NOT_NOW;
	return last_ns && now_ns - last_ns < policy->cooldown_ns ? TRIM_NOT_NOW : TRIM_NOW;
}
