// SPDX-License-Identifier: GPL-2.0-only
#include "user/gap/snapshot.h"

#include <math.h>

#include "user/base/units.h"

const struct heap_figures no_heap_figures = { .sys = UNKNOWN, .resident = UNKNOWN, .trimmable = UNKNOWN, .pinned = UNKNOWN,
					      .mmapped = UNKNOWN, .cached = UNKNOWN, .arenas = UNKNOWN };

const struct go_figures no_go_figures = { .alloc = UNKNOWN, .heap_in_use = UNKNOWN, .heap_idle = UNKNOWN, .heap_released = UNKNOWN,
					  .num_gc = UNKNOWN, .pause_total_ns = UNKNOWN, .gc_percent = UNKNOWN, .memory_limit = UNKNOWN };

void snapshot_init(struct snapshot *snapshot)
{
	*snapshot = (struct snapshot){
		.allocator = { .alloc = UNKNOWN, .total_alloc = UNKNOWN, .mallocs = UNKNOWN, .frees = UNKNOWN,
			       .baseline = UNKNOWN, .unseen = UNKNOWN, .stale = UNKNOWN, .sys = UNKNOWN, .missed = UNKNOWN,
			       .overhead_percent = NAN,
			       .heap = no_heap_figures,
			       .go = no_go_figures,
			       .other = { .bytes = UNKNOWN, .group = UNKNOWN } },
		.kernel = { .rss = UNKNOWN, .rss_anon = UNKNOWN, .rss_file = UNKNOWN, .rss_shmem = UNKNOWN,
			    .pss = UNKNOWN, .lazyfree = UNKNOWN, .swap = UNKNOWN,
			    .flow = { UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN } },
		.gap = { .bytes = UNKNOWN, .trimmable = UNKNOWN, .pinned = UNKNOWN, .percent = NAN },
		.trim = { .reclaimed = UNKNOWN },
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
	static const char *const names[] = { [SOURCE_NONE] = "none", [SOURCE_PROBE] = "probe", [SOURCE_HEAP] = "heap", [SOURCE_GO] = "go" };

	return names[source];
}
