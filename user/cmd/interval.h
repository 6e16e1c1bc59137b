/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is read once an interval, however many rows show it: of each process the kernel's view, of each watched cgroup
 * what its processes are together, of a cgroup that processes live in what it is charged. It is read when it is first
 * asked for.
 */
#ifndef MEMGAP_CMD_INTERVAL_H
#define MEMGAP_CMD_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/memgap.h"
#include "user/allocator/probes.h"
#include "user/cmd/view.h"
#include "user/governor/holes.h"
#include "user/kernel/activity.h"
#include "user/kernel/cgroup.h"
#include "user/kernel/status.h"
#include "user/target/hierarchy.h"

struct targets;
struct watched_cgroup;
struct watched_process;

/* A process's kernel view. */
struct reading {
	uint64_t interval; /* it is of; 0: none */
	bool known;        /* else it has no memory to show, mostly: it is gone */
	int result;        /* of the last try to read the status */
	struct process_status status;
	/* of a process that is one among many: */
	struct activity activity;
	uint64_t looked;    /* the interval of the last look at it, */
	enum activity_change change; /* and what that has shown */
	uint64_t refreshed; /* the interval that the status was read in */
	uint64_t start_stack; /* of the program that it was; 0: not known */
};

/* The processes of a watched cgroup and of those below it. */
struct members {
	int64_t processes;
	struct process_status status;     /* the sums; a figure that is unknown of one of them is unknown */
	struct memgap_counters counters;  /* of the cgroups themselves, but for alloc */
	size_t probed;                    /* of the processes are probed */
	struct allocator allocator;       /* of one of them; */
	bool mixed;                       /* they differ in its name */
	struct process_view view;         /* the sums of those that have one; pss and lazyfree as in status */
	struct counts uncounted;          /* estimated, besides the counters; */
	double total_error;               /* and wrong by no more, as in struct process_view */
	double overhead_percent;          /* of those that are probed; NAN: of none it is known */
	int64_t unseen;      /* bytes held, less alloc, of processes whose allocator view is missing or not whole */
	size_t go_programs;  /* of the processes; */
	int64_t go_total;    /* bytes that their heaps have handed out in all */
	int64_t not_walked;  /* bytes held by those of whose heap nothing is known, */
	int64_t awaited;     /* by those that have not been looked into yet, */
	int64_t behind;      /* and by those that have changed since */
	const struct watched_process *unreadable;  /* one whose status is not ours to read, or NULL */
	const struct watched_process *most_unseen; /* that of them which holds most, or NULL; */
	int64_t most_unseen_bytes;
	char why_unseen[REASON_MAX];
};

/* The memory cgroup of a process, last read. Processes that follow each other are often in the same. */
struct home {
	uint64_t interval; /* it is of; 0: none */
	char path[CGROUP_PATH_MAX];
	struct cgroup_memory memory;
};

/* Anonymous memory, resident or swapped, as last read; UNKNOWN when none was shown yet. */
int64_t reading_held(const struct reading *reading);

struct interval {
	uint64_t number;  /* of the interval, from 1 on */
	uint64_t summed;  /* the one that the members are of */
	struct home home;
};

/* What was read before is of the past. Before anything is asked for, and at each interval. */
void interval_begin(struct targets *targets);

/* The same, but only this process is read anew: it has exited between two intervals. */
void interval_read_again(struct targets *targets, struct watched_process *process);

/* Whether a process that was found by looking into cgroups is still there, and the same one. */
bool interval_is_there(const struct targets *targets, struct watched_process *process);

/*
 * NULL when the process shows no memory. Of one that is not a target itself it is only read if its memory has changed, or if
 * that was long ago.
 */
const struct process_status *interval_status(const struct targets *targets, struct watched_process *process);

/* What was counted for a process; NULL where there is no allocator view of it. */
const struct memgap_process *interval_record(const struct targets *targets, const struct watched_process *process);
/* What it was handed out less what it gave back since then; UNKNOWN where interval_record() is NULL. */
int64_t interval_net(const struct targets *targets, const struct watched_process *process);
/* Watched from its first instruction: its program began when the probes were in place. */
bool record_is_complete(const struct memgap_process *record, const struct watched_process *process);

const struct members *interval_members(struct targets *targets, const struct watched_cgroup *cgroup);

/* The memory cgroup that a process is in now; it may move. NULL when that is not known. */
const struct home *interval_home(struct targets *targets, const struct watched_process *process);

#endif
