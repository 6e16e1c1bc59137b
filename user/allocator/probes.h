/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The probe source: loads the BPF object, puts probes on the allocators of the processes concerned, and reads the
 * counters. Everything the kernel holds for it goes away with probes_close(), or with memgap itself.
 */
#ifndef MEMGAP_ALLOCATOR_PROBES_H
#define MEMGAP_ALLOCATOR_PROBES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/memgap.h"
#include "user/allocator/cost.h"
#include "user/base/error.h"

struct bpf_program;
struct probes;

/* What allocates in a process. */
struct allocator {
	char name[32];        /* "glibc 2.36" */
	uint64_t attached_ns; /* CLOCK_MONOTONIC when its probes were complete; UINT64_MAX: they are kept away */
	bool foreign;         /* there is another allocator as well, or a wrapper: this one may never be called */
	uint32_t library;     /* its library file's key, from 1 on */
	bool remembered;      /* its blocks are remembered: those from before the probes are not counted when they are freed */
};

/* Probes that are taken away and put back together: a process's own, or (0) those on files, for everyone. */
typedef pid_t probe_group;

/* How much the kernel side has room for; 0: the default of bpf/memgap.h. What does not fit is counted in `missed`. */
struct probes_limits {
	unsigned int processes; /* watched at once */
	unsigned int blocks;    /* remembered at once, of allocators that keep no size beside a block */
	bool no_returns;        /* no return probes, as where a process under a seccomp filter does not survive them */
};

/*
 * proc_fd: a directory fd of /proc, the caller's, kept open as long as the probes are. Fails with EXIT_HOST and the remedy.
 */
int probes_open(int proc_fd, const struct probes_limits *limits, struct probes **ret, struct error *err);
/* After a failure: whether it is for want of the cookies of uprobes, which Linux 5.15 has. */
bool probes_are_beyond_kernel(void);
void probes_close(struct probes *probes); /* NULL is allowed */
/* At the end, where it cannot be closed since something still works on it: no target keeps a probe. */
void probes_detach(struct probes *probes);

/* The same, but nothing is attached yet: to find out what this host offers. probes_close() releases it too. */
int probes_prepare(int proc_fd, const struct probes_limits *limits, struct probes **ret, struct error *err);

/* What was found out by trying. */
struct probes_features {
	bool iterator;        /* a BPF iterator lists the modules of a process */
	bool multi;           /* probes are multi-uprobe links, not perf events */
	bool returns_survive; /* a process under a seccomp filter lives on with a return probe; else none is used on anybody */
};
const struct probes_features *probes_features(const struct probes *probes);
const struct bpf_program *probes_module_iterator(const struct probes *probes); /* NULL: /proc/PID/maps has to do */

/* As cost_measure() in cost.h. */
int probes_measure_cost(const struct probes *probes, struct probe_cost *ret);

/* Whoever is in the memory cgroup with this id, or below it, is watched from now on and counted in slot. */
int probes_watch_cgroup(struct probes *probes, uint64_t cgroup_id, uint32_t slot);

/* File descriptors that the probes on one library for one process take, and the process itself, about. */
size_t probes_fds_per_process(const struct probes *probes);

/*
 * Puts probes on every allocator that the process maps, where there are none yet: on the file for all processes
 * (everyone), else for this process alone. A file must not be probed both ways, or its events would
 * count twice: the caller uses one way throughout. -ENOENT: it maps no allocator that memgap knows; -ESRCH: it is
 * gone; IS_TRANSLATOR and TRANSLATOR_MAPS_IT as in translator.h, the latter was said; else -errno.
 */
int probes_attach(struct probes *probes, pid_t pid, bool everyone, struct allocator *ret);
/* The same for a library file that the process is going to load. -ENOENT when it is no allocator. */
int probes_attach_file(struct probes *probes, const char *path, pid_t pid, struct allocator *ret);

/* The process's own probes are of no use any more: probes_attach() makes new ones, unless they are to be away. */
void probes_forget(struct probes *probes, pid_t pid);

/*
 * Begins to take the probes of these groups away: from now on it is not certain what is counted, until probes_taken_away() has returned. That
 * one may be called in any thread; it takes some 50 ms where the kernel has multi-uprobe links, else seconds. What begins to be
 * probed in such a group meanwhile is not, until it is put back. -ENOMEM: all is as it was.
 */
struct taken_away;
int probes_take_away(struct probes *probes, const probe_group *groups, size_t n, struct taken_away **ret);
void probes_taken_away(struct taken_away *taken);

/* 0, or -errno: then all of them stay away. */
int probes_put_back(struct probes *probes, probe_group group);

/* The process is gone, and its pid may be another's: its probes, away or not, are no more. */
void probes_drop(struct probes *probes, pid_t pid);

/* What a call of that library costs; of the probes' cost, what is not known is assumed to be more than it is on most machines. */
struct call_cost probes_call_cost(const struct probes *probes, const struct probe_cost *measured, uint32_t library);

/* Counts for a process from now on. -EEXIST: it was counted already. */
int probes_add(struct probes *probes, pid_t pid, uint32_t slot, enum memgap_keep keep);
void probes_remove(struct probes *probes, pid_t pid);

/* The record itself, which goes on counting; NULL when the process is not watched. *index: where it was the last time, 0 at first. */
const struct memgap_process *probes_record(struct probes *probes, pid_t pid, uint32_t *index);

/* All of them (user/allocator/records.h). */
struct records;
const struct records *probes_records(const struct probes *probes);

/* Not all that it allocates and frees is counted any more: what was not seen then is no loss. Never MEMGAP_ALWAYS. */
void probes_set_presence(struct probes *probes, pid_t pid, enum memgap_presence presence);

/* As it is now. -ENOENT when the process is not watched. */
int probes_read_process(struct probes *probes, pid_t pid, struct memgap_process *ret);

/* Reads what was counted, all of it at once (user/allocator/counters.h). What is returned then is as of that reading. */
void probes_read_counters(struct probes *probes);
const struct counters *probes_counters(const struct probes *probes);
/* Once in a while: forgets the blocks of processes, and of programs, that have ended since. */
void probes_tidy(struct probes *probes);

/* How many blocks are remembered now: looks at each place. */
size_t probes_blocks(struct probes *probes);

/* The pids watched now, of which at most max are written; returns their number. */
size_t probes_list(struct probes *probes, pid_t *pids, size_t max);

/*
 * Who hits probes on a file without being watched, and how often so far: at most MEMGAP_MAX_STRANGERS. One that did not for long may be
 * forgotten, and begin at 0 again. Returns their number.
 */
struct stranger_hits {
	struct memgap_stranger who;
	uint64_t hits;
};
size_t probes_read_strangers(const struct probes *probes, struct stranger_hits *ret);

/* Readable when there are events. */
int probes_events_fd(const struct probes *probes);
typedef void (*probes_event)(const struct memgap_event *event, void *data);
/* Calls back for each; *ret_lost tells that some were lost since the last call. */
void probes_take_events(struct probes *probes, probes_event callback, void *data, bool *ret_lost);

/* Events that the kernel itself skipped (recursion), and processes for which the map was full. */
uint64_t probes_lost(struct probes *probes);

#endif
