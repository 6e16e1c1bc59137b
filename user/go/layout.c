// SPDX-License-Identifier: GPL-2.0-only
#include "user/go/layout.h"

#include <errno.h>
#include <stddef.h>

#include "user/base/units.h"
#include "user/memory/word.h"

/* Offsets in bytes. */
struct go_layout {
	const char *versions;
	/* in gcController; after heap_in_use heapReleased and heapFree, after total_alloc totalFree and mappedReady */
	uint16_t heap_in_use, total_alloc;
	/* in memstats, which begins with the three heapStatsDeltas of a consistentHeapStats */
	uint16_t heap_stats_bytes; /* of one */
	uint16_t stacks_sys;       /* and five more: mspan_sys, mcache_sys, buckhash_sys, gcMiscSys, other_sys */
	uint16_t pause_total_ns, num_gc;
};

/* The newest first. */
static const struct go_layout layouts[] = {
	{ "1.25 and later", .heap_in_use = 272, .total_alloc = 296, .heap_stats_bytes = 1168, .stacks_sys = 3520,
	  .pause_total_ns = 3576, .num_gc = 7680 },
	{ "1.21 to 1.24", .heap_in_use = 272, .total_alloc = 296, .heap_stats_bytes = 1176, .stacks_sys = 3544,
	  .pause_total_ns = 3600, .num_gc = 7704 },
	{ "1.20", .heap_in_use = 248, .total_alloc = 272, .heap_stats_bytes = 1176, .stacks_sys = 3544, .pause_total_ns = 3600,
	  .num_gc = 7704 },
	{ "1.19", .heap_in_use = 304, .total_alloc = 328, .heap_stats_bytes = 1176, .stacks_sys = 3544, .pause_total_ns = 3600,
	  .num_gc = 7704 },
};

/* Of all layouts: in gcController, */
#define GC_PERCENT 0 /* 32 bits */
#define MEMORY_LIMIT 8
/* in a heapStatsDelta */
#define IN_STACKS 24
#define IN_WORK_BUFS 32
#define HEAP_STATS 3
#define N_SYS 6

/* More than any has: sums of some of them do not overflow. */
#define MOST (1LL << 56)

static int64_t figure(const uint8_t *bytes)
{
	return (int64_t)word(bytes);
}

static bool is_size(int64_t value)
{
	return value >= 0 && value < MOST;
}

/* Stacks and the collector's buffers: each of the three is a part of the sum, and may be negative. */
static int64_t heap_stats_sum(const struct go_layout *layout, const uint8_t *memstats)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < HEAP_STATS; i++) {
		const uint8_t *stats = memstats + i * layout->heap_stats_bytes;

		sum += word(stats + IN_STACKS) + word(stats + IN_WORK_BUFS);
	}
	return (int64_t)sum;
}

/* -1: one of them is no size. */
static int64_t sys_sum(const struct go_layout *layout, const uint8_t *memstats)
{
	int64_t sum = 0;

	for (size_t i = 0; i < N_SYS; i++) {
		int64_t value = figure(memstats + layout->stacks_sys + i * 8);

		if (!is_size(value))
			return -1;
		sum += value;
	}
	return sum;
}

/* What is mapped and ready for use is what it is used for: ReadMemStats() itself panics if it were not so. */
static bool balances(const struct go_layout *layout, const struct go_view *view, int64_t mapped_ready, const uint8_t *memstats)
{
	int64_t stats = heap_stats_sum(layout, memstats), sys = sys_sum(layout, memstats);

	return is_size(view->alloc) && is_size(view->heap_in_use) && is_size(view->heap_idle_kept) && is_size(view->heap_released) &&
	       is_size(mapped_ready) && mapped_ready && is_size(stats) && sys > 0 &&
	       mapped_ready == view->heap_in_use + view->heap_idle_kept + sys + stats;
}

int layout_view(const struct go_layout *layout, const uint8_t controller[CONTROLLER_BYTES], const uint8_t memstats[MEMSTATS_BYTES],
		struct go_view *ret)
{
	int64_t total = figure(controller + layout->total_alloc), freed = figure(controller + layout->total_alloc + 8);
	int64_t mapped_ready = figure(controller + layout->total_alloc + 16), limit = figure(controller + MEMORY_LIMIT);
	struct go_view view = {
		.total_alloc = total,
		.heap_in_use = figure(controller + layout->heap_in_use),
		.heap_released = figure(controller + layout->heap_in_use + 8),
		.heap_idle_kept = figure(controller + layout->heap_in_use + 16),
		.num_gc = word32(memstats + layout->num_gc),
		.pause_total_ns = figure(memstats + layout->pause_total_ns),
		.gc_percent = (int32_t)word32(controller + GC_PERCENT),
		.memory_limit = limit == INT64_MAX ? UNKNOWN : limit,
	};

	if (!is_size(total) || !is_size(freed) || !is_size(view.pause_total_ns))
		return -EAGAIN;
	view.alloc = total - freed;
	if (!balances(layout, &view, mapped_ready, memstats))
		return -EAGAIN;
	view.sys = mapped_ready + view.heap_released;
	*ret = view;
	return 0;
}

const struct go_layout *layout_find(const uint8_t controller[CONTROLLER_BYTES], const uint8_t memstats[MEMSTATS_BYTES])
{
	struct go_view ignored;

	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (!layout_view(&layouts[i], controller, memstats, &ignored))
			return &layouts[i];
	return NULL;
}

/* gcController.init() is among the first things of a runtime. */
bool layout_is_unset(const uint8_t controller[CONTROLLER_BYTES])
{
	return !word32(controller + GC_PERCENT) && !word(controller + MEMORY_LIMIT);
}

const char *layout_versions(const struct go_layout *layout)
{
	return layout->versions;
}
