/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The governor's rules: who pays how much for which probes, when those go, when they are back for a window, and when for good. The clock is
 * the governor's, and what takes its time is done in its worker.
 */
#ifndef MEMGAP_CMD_GROUPS_H
#define MEMGAP_CMD_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/cmd/governed.h"
#include "user/cmd/strangers.h"

struct groups {
	struct targets *targets;
	double share;           /* as governor_open() has it */
	struct probe_cost cost; /* of a hit, */
	bool measured;          /* once it is: before, nothing is looked at */
	struct group *list;
	struct strangers strangers;
};

/* Takes what was counted, and what that has cost whom. */
void groups_look(struct groups *groups, uint64_t now_ns);

/* What follows from it: probes are to go, or they are put back. */
void groups_step(struct groups *groups, uint64_t now_ns);
/* When something is to be done next, at the latest. */
uint64_t groups_due(const struct groups *groups, uint64_t latest_ns);

/* All probes that are to go, in one go, for probes_taken_away(): the kernel waits for each, and those waits overlap. NULL: there are none. */
struct taken_away *groups_take_away(struct groups *groups);
/* They have gone; that took memgap so much CPU time. */
void groups_taken_away(struct groups *groups, uint64_t own_cost_ns, uint64_t now_ns);

void groups_yield(struct groups *groups, pid_t translator, uint64_t now_ns); /* governor_yield() */
void groups_forget(struct groups *groups, pid_t pid); /* governor_forget() */
void groups_free(struct groups *groups);

#endif
