/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a running process, which is neither stopped nor written to: process_vm_readv(2), and /proc/PID/pagemap
 * (proc(5); PAGEMAP_SCAN of Linux 6.7, Documentation/admin-guide/mm/pagemap.rst).
 */
#ifndef MEMGAP_MEMORY_REMOTE_H
#define MEMGAP_MEMORY_REMOTE_H

#include <stdbool.h>
#include <sys/types.h>

#include "user/memory/image.h"

/*
 * /proc/PID of a process that has memory: the fd, which is of this process alone, whoever has the pid later; or -ESRCH, -EACCES
 * or -EPERM when it is not ours to look into, or another -errno. When its first thread has ended, the memory is the others'
 * still: *ret_tid is one that shows it, and the directory is that one's.
 */
int process_open(int proc_fd, pid_t pid, pid_t *ret_tid);

struct remote {
	pid_t tid;
	int dir_fd; /* process_open() */
	int pagemap_fd;
	bool scans;     /* the kernel knows PAGEMAP_SCAN */
};

/* -ESRCH, -EACCES, -EPERM, or another -errno. The image is of use until remote_close(). */
int remote_open(int proc_fd, pid_t pid, struct remote *ret, struct image *ret_image);
void remote_close(struct remote *remote);

/* Whether what was read until now was that process's. */
bool remote_is_alive(const struct remote *remote);

#endif
