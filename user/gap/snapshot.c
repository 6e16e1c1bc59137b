// SPDX-License-Identifier: GPL-2.0-only
#include "user/gap/snapshot.h"

#include <math.h>

#include "user/base/units.h"

void snapshot_init(struct snapshot *snapshot)
{
	*snapshot = (struct snapshot){
		.allocator = { .alloc = UNKNOWN, .total_alloc = UNKNOWN, .mallocs = UNKNOWN, .frees = UNKNOWN,
			       .baseline = UNKNOWN, .sys = UNKNOWN, .missed = UNKNOWN },
		.kernel = { .rss = UNKNOWN, .rss_anon = UNKNOWN, .rss_file = UNKNOWN, .rss_shmem = UNKNOWN,
			    .swap = UNKNOWN,
			    .flow = { UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN },
			    .cgroup_current = UNKNOWN, .cgroup_limit = UNKNOWN },
		.gap = { .bytes = UNKNOWN, .percent = NAN },
	};
}

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_UNKNOWN] = "unknown",
		[VERDICT_IN_USE] = "in-use",
		[VERDICT_UNTOUCHED] = "untouched",
	};

	return names[verdict];
}

const char *source_name(enum allocator_source source)
{
	return source == SOURCE_PROBE ? "probe" : "none";
}
