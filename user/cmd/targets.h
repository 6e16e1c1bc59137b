/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is being watched: the processes, the cgroups, and the rows that are printed, one a target. Follows the
 * processes through fork, exec, exit and moves between cgroups.
 */
#ifndef MEMGAP_CMD_TARGETS_H
#define MEMGAP_CMD_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/allocator/probes.h"
#include "user/cmd/governed.h"
#include "user/cmd/interval.h"
#include "user/cmd/line.h"
#include "user/cmd/survey.h"
#include "user/cmd/trimmer.h"
#include "user/cmd/watch_options.h"
#include "user/target/cgroup_tree.h"
#include "user/target/command.h"
#include "user/target/hierarchy.h"
#include "user/target/runtime.h"
#include "user/target/pid.h"
#include "user/trim/pressure.h"

struct watched_cgroup {
	struct cgroup_dir dir;
	uint32_t slot;                 /* in the BPF map `cgroups`; 0: none */
	struct watched_cgroup *parent; /* the nearest watched one above, or NULL */
	bool adopts;                   /* a target: whoever is in it is watched; else the home of a pid target */
	bool found;                    /* by --all: a target as long as it has processes, without probes; its fd is the tree's */
	bool followed;                 /* events tell of the processes in it, and of those below */
	uint64_t populated;            /* the last interval in which it had processes of its own */
	struct members members;        /* as of the interval */
	struct counts uncounted;       /* estimated for processes that were in it, and are not any more, */
	double uncounted_error;        /* and how wrong that may be */
};

struct watched_process {
	struct pid_identity id;        /* pidfd only when `own` */
	bool own;                      /* a target itself: -p or COMMAND */
	bool scanned;                  /* found by looking into its cgroup (user/cmd/targets_scan.c): no event tells of it, */
	uint64_t seen;                 /* only that it was found again, in this interval last */
	struct watched_cgroup *cgroup; /* that it is counted in, or NULL */
	bool had_allocator;            /* one that is probed, when that could be seen last: has_allocator() */
	bool foretold;                 /* that is of the program that its next exec begins: COMMAND's */
	struct allocator allocator;
	bool dirty;                    /* its modules are to be looked at again */
	int looks;                     /* at them, in this interval */
	bool task_gone;                /* the thread that its own probes were for is: they are to be made anew */
	bool probes_lost;              /* that thread is, and its probes are: they cannot be made anew */
	int failure;                   /* -errno of the last try to probe it; told already */
	int ticks_unprobed;            /* for how many intervals nothing in it could be probed */
	struct reading reading;        /* as of the interval (user/cmd/interval.h) */
	struct survey survey;          /* the last look into it (user/cmd/survey.h) */
	struct governed governed;      /* what its probes cost it (user/cmd/governor.h) */
};

/* A line of output: a process, or a cgroup with what is in it. */
struct row {
	struct watched_process *process; /* or NULL: */
	struct watched_cgroup *cgroup;
	struct history history; /* of its alloc */
	enum allocator_source source; /* that the history is of, */
	bool whole;                   /* with all that was live before, */
	unsigned int generation;      /* and of this program, if it is a process's */
	uint64_t name_asked_ns;       /* when its container's name was first asked for (user/cmd/names.h) */
	struct trimmer trimmer;
	struct row_line line;
	bool guest; /* for show: no threshold is for it */
};

struct governor;
struct names;
struct surveyor;

struct targets {
	const struct watch_options *options;  /* set by the caller, */
	struct trimmer_context *trims;        /* this too, */
	struct inherited inherited;           /* and this: for COMMAND */
	int proc_fd;
	int max_fds; /* RLIMIT_NOFILE */
	struct hierarchy hierarchy;
	struct probes *probes; /* NULL with --source none */
	struct cgroup_tree *tree; /* of the cgroups to look into at each interval, or NULL */
	const char *tree_trouble; /* as told */
	bool hidden_told;         /* that there are processes which cannot be seen */
	struct interval interval; /* what is read once in it */
	struct surveyor *surveyor;    /* the caller's, */
	struct governor *governor;    /* and this, or NULL */
	struct names *names;          /* the caller's, or NULL */
	struct runtime_names *known_containers; /* read at targets_open(), for -n; then the caller's to free, or NULL */
	uint64_t lost;         /* events that were lost and cannot be laid at one process's door */
	pid_t command_pid;     /* of COMMAND; 0: there is none */
	struct pressure_fifo pressure; /* offered to COMMAND, the caller's to withdraw; fd -1, as at the start: it was not */
	bool overlooked;       /* a process of which an event told could not be read, for want of descriptors or memory */
	bool crossed;          /* a line was (user/cmd/line.h): set by targets_follow(), the caller's to take */
	bool everyone;         /* probes are on files for all processes, not process by process */
	struct watched_process **processes;
	size_t n_processes;
	struct watched_cgroup **cgroups;
	size_t n_cgroups;
	struct row **rows;
	size_t n_rows;
};

/*
 * Opens all that the options name, COMMAND included, and begins to count. targets_close() in any case; a COMMAND
 * that was not released yet then ends without having run.
 */
int targets_open(struct targets *targets, struct error *err);
void targets_close(struct targets *targets);

/* In user/cmd/targets_cgroups.c: the cgroups and containers that the options name, and who is in them. */
int targets_open_cgroups(struct targets *targets, struct error *err);
/* The nearest of these that a path lies in, or is; NULL. */
struct watched_cgroup *targets_cgroup_above(const struct targets *targets, const char *path);

/*
 * Whether an allocator that is probed is in use. A program that was looked at while it was loaded had none yet; when it has
 * ended before the next look, what was known of it before that is as much as will be known.
 */
bool has_allocator(const struct watched_process *process);

/* NULL when the pid is not watched, or memory is out. */
struct watched_process *targets_find(const struct targets *targets, pid_t pid);
struct watched_process *targets_add_process(struct targets *targets, const struct pid_identity *id,
					    struct watched_cgroup *cgroup, bool own);
struct watched_cgroup *targets_add_cgroup(struct targets *targets, const struct cgroup_dir *dir, bool adopts);
/* One more line of output; NULL: memory is out. targets_end_row() ends it, if what it is of does not go before. */
struct row *targets_add_row(struct targets *targets, struct watched_process *process, struct watched_cgroup *cgroup);
void targets_remove_cgroup(struct targets *targets, struct watched_cgroup *cgroup); /* found by --all; and its row */
void targets_remove_process(struct targets *targets, struct watched_process *process); /* and its row */

/* What it has handed out by Go's account is its cgroup's for good. */
void targets_settle_go(struct watched_process *process);

/* It is in another cgroup now. */
void targets_move(struct watched_process *process, struct watched_cgroup *cgroup);

/* It runs another program now, or is about to go: what was found in it is of the past. */
void targets_forget_program(struct watched_process *process);

/* Puts probes on what it maps now; a failure, other than that there is nothing, is told once. */
void targets_attach(struct targets *targets, struct watched_process *process);

/* At each interval: what was put off because a process changed too often is done now. */
void targets_new_interval(struct targets *targets);

/* Takes what the kernel reported: new processes, new programs, new libraries, exits. */
void targets_follow(struct targets *targets);

/*
 * Where no probes are nothing is reported: the processes are looked for in the cgroups at each interval
 * (user/cmd/targets_scan.c). targets_scan_open() is for the cgroups that are targets so far, and for --all.
 */
int targets_scan_open(struct targets *targets, struct error *err);
void targets_scan(struct targets *targets);

/* Whether a process is one of those that a row is the sum of. */
bool row_has(const struct row *row, const struct watched_process *process);

/* Ends its trim, and takes the row off the list. */
void targets_end_row(struct targets *targets, struct row *row);

#endif
