/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a probe costs on this machine, measured on a throw-away child: from half a microsecond to twenty, which depends on the
 * instruction under it and on the kernel and the processor, so that a table would be wrong.
 */
#ifndef MEMGAP_ALLOCATOR_COST_H
#define MEMGAP_ALLOCATOR_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/allocator/library.h"
#include "user/allocator/trial.h"

/* ns that the probed thread loses; UNKNOWN (base/units.h) where it could not be measured. */
struct probe_cost {
	int64_t emulated; /* a hit on an instruction that the kernel emulates */
	int64_t stepped;  /* a hit on one that it single-steps out of line */
	int64_t returned; /* a return probe: what it adds to the hit that arms it */
};

extern const struct probe_cost unknown_cost;

/*
 * Measures with the programs of a trial, in less than 0.3 s on any machine that is not very slow. 0, or -errno when it could not be
 * done; then *ret is unknown_cost.
 */
int cost_measure(const struct trial_programs *programs, struct probe_cost *ret);

/* Pure: what a call of the function costs, with the probes on it. UNKNOWN where a part is. */
int64_t cost_of_call(const struct probe_cost *cost, const struct library_function *function);

/* What calls cost the process that makes them, with the probes in place; ns, UNKNOWN where a part is. */
struct call_cost {
	int64_t malloc_ns, free_ns;
};

/* Pure: of a library's malloc() and free(), or of what comes nearest. NULL: of one that is as most are. */
struct call_cost cost_of_library(const struct probe_cost *cost, const struct library *library);

/* Pure: the middle one of n numbers, at least 1; sorts them. */
int64_t cost_median(int64_t *numbers, size_t n);

#endif
