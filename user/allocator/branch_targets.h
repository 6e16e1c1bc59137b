/* SPDX-License-Identifier: GPL-2.0-only */
/* Where branches lead to, as far as it is near the start of one of some functions: what no probe may be put on. */
#ifndef MEMGAP_ALLOCATOR_BRANCH_TARGETS_H
#define MEMGAP_ALLOCATOR_BRANCH_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far from a function's start is near, bytes: its first 32 instructions are at most 480. */
#define BRANCH_TARGETS_RANGE 480

/* All are offsets in the file. */
struct branch_targets {
	size_t n_functions;
	uint64_t *functions; /* offsets of their first instructions, sorted */
	size_t n;
	uint64_t *offsets; /* sorted by branch_targets_sort() */
};

/* At least one function, by its offset; 0 or -ENOMEM. branch_targets_free() releases the list in any case. */
int branch_targets_init(struct branch_targets *ret, const uint64_t *functions, size_t n);

/* One that is not near any of the functions is passed over. 0, -ENOMEM, or -E2BIG: no real code has so many. */
int branch_targets_add(struct branch_targets *targets, uint64_t offset);
/* Whether a branch leads behind start, up to last itself. The list must be sorted. */
bool branch_targets_lead_into(const struct branch_targets *targets, uint64_t start, uint64_t last);
/* Sorts the list. */
void branch_targets_sort(struct branch_targets *targets);
void branch_targets_free(struct branch_targets *targets);

#endif
