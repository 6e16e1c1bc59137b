/* SPDX-License-Identifier: GPL-2.0-only */
/* A process whose first thread has ended: its memory is the other threads' still, but no file of /proc/PID shows it. */
#ifndef MEMGAP_KERNEL_THREADS_H
#define MEMGAP_KERNEL_THREADS_H

#include <sys/types.h>

/* Reads a file of one thread; 0, or -ESRCH when that thread has no memory. */
typedef int (*thread_read)(int dir_fd, const char *path, void *ret);

/*
 * Calls read for this file of each thread but the first, below /proc/PID/task, until one has memory (0) or cannot be read
 * (-errno). -ESRCH when none has.
 */
int other_threads_read(int proc_fd, pid_t pid, const char *file, thread_read read, void *ret);

#endif
