// SPDX-License-Identifier: GPL-2.0-only
#include "user/gap/snapshot.h"

#include <math.h>

#include "user/base/units.h"

void snapshot_init(struct snapshot *snapshot)
{
	*snapshot = (struct snapshot){
		.allocator = { .alloc = UNKNOWN, .total_alloc = UNKNOWN, .mallocs = UNKNOWN, .frees = UNKNOWN,
			       .baseline = UNKNOWN, .unseen = UNKNOWN, .stale = UNKNOWN, .sys = UNKNOWN, .missed = UNKNOWN,
			       .overhead_percent = NAN,
			       .heap = { .sys = UNKNOWN, .resident = UNKNOWN, .trimmable = UNKNOWN, .pinned = UNKNOWN },
			       .other = { .bytes = UNKNOWN, .group = UNKNOWN } },
		.kernel = { .rss = UNKNOWN, .rss_anon = UNKNOWN, .rss_file = UNKNOWN, .rss_shmem = UNKNOWN,
			    .pss = UNKNOWN, .lazyfree = UNKNOWN, .swap = UNKNOWN,
			    .flow = { UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN } },
		.gap = { .bytes = UNKNOWN, .trimmable = UNKNOWN, .pinned = UNKNOWN, .percent = NAN },
	};
	cgroup_memory_init(&snapshot->kernel.cgroup);
}

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_UNKNOWN] = "unknown",
		[VERDICT_IN_USE] = "in-use",
		[VERDICT_GROWING] = "growing",
		[VERDICT_RETAINED] = "retained",
		[VERDICT_PINNED] = "pinned",
		[VERDICT_CACHE] = "cache",
		[VERDICT_OTHER_ANON] = "other-anon",
		[VERDICT_UNTOUCHED] = "untouched",
	};

	return names[verdict];
}

const char *source_name(enum allocator_source source)
{
	static const char *const names[] = { [SOURCE_NONE] = "none", [SOURCE_PROBE] = "probe", [SOURCE_HEAP] = "heap" };

	return names[source];
}
