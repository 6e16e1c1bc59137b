/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a process has allocated and freed in all, where its probes were not in place all the time: what was counted, and what was
 * not, estimated from the windows in which it was. Pure: counters and clocks (ns) are the caller's.
 */
#ifndef MEMGAP_GOVERNOR_HOLES_H
#define MEMGAP_GOVERNOR_HOLES_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/memgap.h"
#include "user/governor/estimate.h"

struct counts {
	int64_t total_alloc, net; /* bytes: handed out; less what was given back */
	int64_t mallocs, frees;
};

/*
 * From what the kernel side has counted. A block that is given back and was never seen before (enum memgap_allocator: its allocator is
 * one whose blocks are remembered) is taken to have been like those that were seen.
 */
struct counts counts_of(const struct memgap_counters *counters);

void counts_add(struct counts *sum, const struct counts *counts);

struct holes {
	bool any;   /* there were some: else all was counted */
	bool away;  /* the probes are, or are being taken away */
	int64_t cpu_ns; /* of the process: the estimates are up to there; or, while they are back, when they came */
	struct counts begun;     /* what was counted when the probes were put back, */
	struct counts reference; /* and when it began that they were taken away; */
	struct counts hidden;    /* what was counted from then on, until they were gone: that is in the estimates too */
	struct estimate total_alloc, net, mallocs, frees;
};

/* In all of these cpu_ns is the CPU time of all the process's threads so far. */

/* The probes are taken away for the first time, or after they were back for good. */
void holes_begin(struct holes *holes, const struct counts *now, int64_t cpu_ns);
/* It had counted so much just before, in so much CPU time, of which its probes took so much. */
void holes_begin_with(struct holes *holes, const struct counts *now, const struct counts *before, int64_t cpu_ns, int64_t cost_ns);
/* They were back for a window, in which they have cost the program so much of its CPU time. */
void holes_end_window(struct holes *holes, const struct counts *now, int64_t cpu_ns, int64_t cost_ns);
/* They are back: for a window, or for good. */
void holes_end(struct holes *holes, const struct counts *now, int64_t cpu_ns);
/* The estimates go up to now. */
void holes_advance(struct holes *holes, int64_t cpu_ns);

/* What was counted of all in windows, and in how much CPU time of their own: for those of which nothing else is known. */
struct pool {
	double seconds;
	double total_alloc, mallocs, frees;
};

/* Adds what holes_end_window() has just counted. */
void pool_add(struct pool *pool, const struct holes *holes);
/* One that ends before its first window did as the others do, its error is then as large as that; but what is live in it stays unknown. */
void holes_value(struct holes *holes, const struct pool *pool);

/* All there was, as far as is known; never less than before, but for `net`. */
struct counts holes_fill(const struct holes *holes, const struct counts *now);

/* In 95 of 100 cases those are wrong by no more, bytes; UNKNOWN: nobody knows by how much. */
int64_t holes_error_of_total(const struct holes *holes);
int64_t holes_error_of_net(const struct holes *holes);

#endif
