/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "workload/pattern.h"

const struct pattern *const patterns[] = {
	&pattern_seed,      &pattern_hold,    &pattern_frag,  &pattern_retain, &pattern_leak, &pattern_cache,
	&pattern_untouched, &pattern_threads, &pattern_churn, NULL,
};

const struct pattern *pattern_find(const char *name)
{
	for (const struct pattern *const *pattern = patterns; *pattern; pattern++)
		if (!strcmp((*pattern)->name, name))
			return *pattern;
	return NULL;
}
