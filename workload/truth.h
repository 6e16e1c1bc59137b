/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is really held, seen from inside, as one line of JSON:
 *
 *   {"truth":1,"t_ms":…,"pid":…,"held_blocks":…,"held_bytes":…,"mallinfo2":{…},
 *    "mallocs":…,"frees":…,"total_alloc":…}
 *
 * t_ms is CLOCK_MONOTONIC; bytes are usable sizes. mallinfo2 has all ten fields of mallinfo(3). The last
 * three count from the start of the program. In mallinfo2 only: what libc allocates for itself (for each
 * thread its vector of thread-local storage and its tcache), and the freed blocks in a tcache, which
 * mallinfo2 takes to be in use.
 */
#ifndef WORKLOAD_TRUTH_H
#define WORKLOAD_TRUTH_H

#include <malloc.h>
#include <stdint.h>

#include "workload/ledger.h"
#include "workload/output.h"

struct truth {
	uint64_t time_ns;
	struct tally tally;
	struct mallinfo2 info;
};

/* All at one moment, if no other thread allocates. Allocates nothing. */
void truth_take(const struct tally *tally, struct truth *ret);

/* Writes the line, its newline included. Allocates nothing. */
void truth_format(const struct truth *truth, char buffer[OUTPUT_LINE_MAX]);

#endif
