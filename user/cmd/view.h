/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The allocator view of one process, put together from what the probes have counted and what the last look into its heap has
 * found.
 */
#ifndef MEMGAP_CMD_VIEW_H
#define MEMGAP_CMD_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "user/gap/snapshot.h"

struct memgap_process;
struct targets;
struct watched_process;

/* Bytes, UNKNOWN where not known. */
struct process_view {
	enum allocator_source source; /* SOURCE_NONE: there is no view */
	int64_t alloc;     /* with what was live before, if baseline is known; else without */
	int64_t error;     /* where alloc is an estimate, it is wrong by no more in 95 of 100 cases; 0: it is none */
	int64_t baseline;
	int64_t stale;     /* as in struct allocator_view; 0: alloc is of now */
	bool awaited;      /* it has not been looked into yet, and will be, */
	bool behind;       /* or the last look is of another time than what it holds */
	int64_t go_total;  /* what a Go program has handed out, and its cgroup does not have yet */
	int64_t total_alloc, sys; /* where Go's runtime says it; else UNKNOWN, and the probes and the kernel do */
	struct heap_figures heap;
	struct go_figures go;
	struct other_anon other;
	int64_t pss, lazyfree;
};

void view_of(const struct targets *targets, struct watched_process *process, struct process_view *ret);
/* The same with another record of what was counted than the interval's; NULL: nothing was. */
void view_of_record(const struct targets *targets, struct watched_process *process, const struct memgap_process *record,
		    struct process_view *ret);

#endif
