/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process, identified so that a reused pid is never taken for it: a pidfd, and the start time that
 * /proc/PID/stat has (field 22, clock ticks since boot, proc(5)).
 */
#ifndef MEMGAP_TARGET_PID_H
#define MEMGAP_TARGET_PID_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/base/error.h"

#define COMM_MAX 64 /* TASK_COMM_LEN is 16; kernel threads show longer names */

struct pid_stat {
	char comm[COMM_MAX];
	char state; /* R, S, D, Z, … */
	unsigned int flags;
	int threads;
	uint64_t start_time;
	uint64_t start_stack; /* the address: another one, by chance, of each program that it executes; 0 where it is not shown */
};

struct pid_identity {
	pid_t pid;
	int pidfd; /* readable once the process has exited */
	uint64_t start_time;
	char comm[COMM_MAX];
};

/* Parses the text of /proc/PID/stat; -EINVAL when it is none. The name may hold spaces and brackets. */
int pid_stat_parse(const char *text, struct pid_stat *ret);
/* Not so for a kernel thread or a zombie. */
bool pid_stat_has_memory(const struct pid_stat *stat);
/* Nor for one that exits, or whose first thread has: its mappings are gone from /proc before it is. */
bool pid_stat_shows_memory(const struct pid_stat *stat);
/* -ESRCH when there is no such process. */
int pid_stat_read(int proc_fd, pid_t pid, struct pid_stat *ret);

/*
 * Opens a process that has memory of its own. Fails with EXIT_TARGET for a pid that is not there, a kernel
 * thread, a thread that is not its process's first, or a zombie. pid_close() releases it.
 */
int pid_open(int proc_fd, pid_t pid, struct pid_identity *ret, struct error *err);
void pid_close(struct pid_identity *id);

/* Whether the process is still there, is the same one, and is no zombie. */
bool pid_is_alive(int proc_fd, const struct pid_identity *id);

#endif
