/* SPDX-License-Identifier: GPL-2.0-only */
/* What a process has open: /proc/PID/fd and fdinfo (proc(5)). No file of it is opened, and its file systems are not asked. */
#ifndef MEMGAP_KERNEL_OPEN_FILES_H
#define MEMGAP_KERNEL_OPEN_FILES_H

#include <sys/types.h>

/* Of more descriptors only the lowest are looked at: what a program opens when it starts is among them. */
#define OPEN_FILES_MAX 4096

/*
 * Whether the process has the file that fd is (which may be O_PATH) open for reading. 0 when it has, -ENOENT when it has not,
 * -EMFILE when it is not among the first OPEN_FILES_MAX, -ESRCH when the process is gone, -EACCES or another -errno when that
 * cannot be seen.
 */
int process_reads_file(int proc_fd, pid_t pid, int fd);

#endif
