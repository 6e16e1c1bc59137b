/* SPDX-License-Identifier: GPL-2.0-only */
/* A process from the governor's side: what its probes cost it, and what was not counted while they were away. */
#ifndef MEMGAP_CMD_GOVERNED_H
#define MEMGAP_CMD_GOVERNED_H

#include <stdbool.h>
#include <stdint.h>

#include "user/allocator/cost.h"
#include "user/allocator/probes.h"
#include "user/gap/snapshot.h"
#include "user/governor/budget.h"
#include "user/governor/holes.h"

struct targets;
struct watched_process;

enum group_state {
	GROUP_ON,
	GROUP_LEAVING, /* to be taken away, or being so */
	GROUP_AWAY,
	GROUP_WINDOW,
};

/* Probes that are taken away, and put back, together. */
struct group {
	probe_group key;
	enum group_state state;
	bool taken;       /* LEAVING: that has begun */
	bool from_window; /* they left last at the end of one */
	bool orphaned;    /* LEAVING: the process that they were for is gone */
	pid_t yields_to;  /* they left, or stay away, since this translator has begun, 0: not for that; */
	uint64_t yielded_ns; /* then */
	bool yielded;     /* they were not too dear then: the first window brings them back */
	double share;    /* of the time that they may cost a process */
	struct calm calm;
	uint64_t since_ns, next_ns;
	uint64_t own_cost_ns; /* CPU time of memgap for the window */
	struct pool pool;     /* of all windows */
	/* who pays too much, since the last look at the group: a copy, for it may go; percent 0: nobody does */
	struct {
		pid_t pid;
		char comm[NAME_MAX_TEXT];
		double percent;
	} dearest;
	struct group *next;
};

struct governed {
	struct group *group;   /* the probes that it pays for; NULL: not known yet */
	unsigned int generation; /* of the program, as its record has it */
	uint32_t record;       /* where that is */
	struct call_cost cost; /* of its allocator's calls, */
	uint32_t priced;       /* which is this library, and one more; 0: that was not asked yet */
	struct budget budget;
	struct holes holes;
	struct counts counts;  /* at the last look, */
	struct counts before;  /* and at the one before */
	uint64_t looked_ns, before_ns;
	int64_t cpu_ns;        /* of the process at the one before; UNKNOWN: it paid little then, and was not asked for */
	int64_t cpu_before_ns;
	int64_t last_cost_ns;  /* of the hits since the look before, */
	int64_t window_cost_ns; /* of the hits since they were put back last */
	int64_t cost_ns;       /* of all its hits so far, */
	int64_t shown_cost_ns; /* and up to the last interval; */
	double overhead_percent; /* in that, of a core; NAN: not known yet */
	int64_t alloc, baseline; /* as they were shown when the probes went last, from being there for good; UNKNOWN */
	int64_t net;             /* and what had been counted of it, with what was estimated */
	uint64_t first_gone_ns;  /* when that was */
	struct counts settled;   /* of what is estimated, this is its cgroup's already */
	unsigned int changes;    /* how often probes went or came */
};

void governed_init(struct governed *governed);

/* Whether its probes are in place, and not just for a window. */
bool governed_is_on(const struct governed *governed);

/*
 * Reads what was counted since the last look, group being the probes that it pays for. Returns what that has cost it, ns. record: its own; cost: of a hit.
 */
int64_t governed_look(const struct targets *targets, struct watched_process *process, struct group *group,
		      const struct memgap_process *record, const struct probe_cost *cost, uint64_t now_ns);

/* Its probes go; they are back, for a window or for good. After a look. */
void governed_begin_hole(const struct targets *targets, struct watched_process *process, uint64_t now_ns);
void governed_end_hole(const struct targets *targets, struct watched_process *process);

/* It is another program now, or moves to another cgroup, or goes: what was estimated for it is its cgroup's for good. */
void governed_settle(struct watched_process *process);
/* What is estimated, and its cgroup does not have yet. */
struct counts governed_unsettled(const struct watched_process *process);

#endif
