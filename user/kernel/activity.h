/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a process's memory has changed since it was last looked at: by /proc/PID/statm (user/kernel/statm.h), held open. One pread() of it costs a tenth of opening and reading /proc/PID/status, which most processes of
 * a host have no need for most of the time. An open file of /proc/PID belongs to that one process: once it is gone, the file
 * tells so, whoever has its pid then.
 *
 * The kernel's figures there may lag behind by what each core counts on its own (some 100 KiB a core, percpu_counter), so
 * that a change can remain unseen as long as it is smaller than that.
 */
#ifndef MEMGAP_KERNEL_ACTIVITY_H
#define MEMGAP_KERNEL_ACTIVITY_H

#include <sys/types.h>

#include "user/kernel/statm.h"

struct activity {
	int fd;            /* -1: not open */
	struct statm last; /* as last read; size 0: never */
};

enum activity_change {
	ACTIVITY_GONE,    /* it is no more */
	ACTIVITY_SAME,
	ACTIVITY_CHANGED, /* also at the first look, and as long as it shows no memory: a zombie, or its first thread has ended */
};

/* -errno. activity_close() allows one that is not open. */
int activity_open(int proc_fd, pid_t pid, struct activity *ret);
void activity_close(struct activity *activity);

enum activity_change activity_look(struct activity *activity);

#endif
