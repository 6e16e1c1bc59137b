/* SPDX-License-Identifier: GPL-2.0-only */
/* A snapshot and a trim with a value of its own in each field, for the output formats. After helpers.h. */
#ifndef MEMGAP_TESTS_UNIT_DATA_H
#define MEMGAP_TESTS_UNIT_DATA_H

#include "user/base/units.h"
#include "user/gap/snapshot.h"
#include "user/output/output.h"
#include "user/trim/event.h"

#define MIB (1024 * 1024LL)

static inline struct target_name process_target(void)
{
	return (struct target_name){ .kind = TARGET_PROCESS, .pid = 123, .comm = "redis-server",
				     .cgroup = "/docker/ab", .container = "web", .pod = "web-0", .pod_namespace = "shop",
				     .processes = 1 };
}

static inline struct target_name cgroup_target(void)
{
	return (struct target_name){ .kind = TARGET_CGROUP, .cgroup = "/docker/ab", .processes = 3 };
}

/* 2026-01-31T12:00:00.123Z is 1769860800 s after the epoch. */
static inline struct snapshot known_snapshot(void)
{
	return (struct snapshot){
		.now = { 1769860800, 123456789 },
		.elapsed_s = 3.0004,
		.target = process_target(),
		.allocator = { .name = "glibc 2.36", .source = SOURCE_PROBE, .alloc = 30 * MIB, .total_alloc = 120 * MIB,
			       .mallocs = 1001, .frees = 1002, .baseline = 0, .sys = 72 * MIB, .missed = 0, .overhead_percent = 0.4,
			       .heap = { .sys = 72 * MIB, .mmapped = 8 * MIB, .resident = 66 * MIB, .cached = 4096, .arenas = 2, .n_shown = 1,
					 .arena = { { 60 * MIB, 24 * MIB, 36 * MIB, 34 * MIB } }, .age_s = 1.25 },
			       .go = { .alloc = UNKNOWN, .heap_in_use = UNKNOWN, .heap_idle = UNKNOWN, .heap_released = UNKNOWN, .num_gc = UNKNOWN,
				       .pause_total_ns = UNKNOWN, .gc_percent = UNKNOWN, .memory_limit = UNKNOWN },
			       .growth = { 0.5 * MIB, 20, 20 * MIB, 30 * MIB } },
		.kernel = { .rss = 75 * MIB, .rss_anon = 70 * MIB, .rss_file = 4 * MIB, .rss_shmem = 1 * MIB, .swap = 5 * MIB,
			    .flow = { 11, 12, -13, 14 }, .pss = 71 * MIB, .lazyfree = 2 * MIB,
			    .cgroup = { .current = 80 * MIB, .limit = 100 * MIB, .high = 90 * MIB, .swap = 5 * MIB, .anon = 70 * MIB,
					.file = 6 * MIB, .shmem = MIB, .inactive_file = 3 * MIB, .kernel = 4 * MIB,
					.working_set = 77 * MIB, .oom_kills = 1, .psi_some_avg10 = 2.5 } },
		.gap = { .bytes = 45 * MIB, .trimmable = 38 * MIB, .pinned = 4 * MIB, .percent = 59.96, .verdict = VERDICT_IN_USE, .why = "for a reason" },
		.trim = { .count = 2, .outcome = TRIM_TRIMMED, .reclaimed = 7 * MIB },
	};
}

static inline struct trim_event known_event(void)
{
	return (struct trim_event){
		.now = { 1769860800, 5000000 },
		.target = process_target(),
		.reason = { .metric = METRIC_RSS, .value = 101 * MIB, .threshold = 100 * MIB },
		.verdict = VERDICT_RETAINED,
		.caller = CALLER_KERNEL,
		.late_ms = 0.25,
		.action = "signal:USR1",
		.predicted = 59 * MIB,
		.pids = { 123 },
		.n_pids = 1,
		.before = { 101 * MIB, 111 * MIB },
		.after = { 41 * MIB, 51 * MIB },
		.reclaimed = 60 * MIB,
		.took_ms = 12.54,
		.outcome = TRIM_TRIMMED,
		.why = "60 MiB came back",
	};
}

/* What was written to a stream, to free. */
struct capture {
	FILE *stream;
	char *text;
	size_t size;
};

static inline void capture_start(struct capture *capture)
{
	capture->stream = open_memstream(&capture->text, &capture->size);
	assert_non_null(capture->stream);
}

static inline char *capture_end(struct capture *capture)
{
	assert_int_equal(fclose(capture->stream), 0);
	return capture->text;
}

#endif
