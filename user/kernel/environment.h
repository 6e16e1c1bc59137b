/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The environment that a process was started with: /proc/PID/environ (proc(5); environ_read() in fs/proc/base.c). The process
 * may have written anything there since.
 */
#ifndef MEMGAP_KERNEL_ENVIRONMENT_H
#define MEMGAP_KERNEL_ENVIRONMENT_H

#include <stddef.h>
#include <sys/types.h>

/* What fits with the usual stack of 8 MiB: a quarter of it (execve(2)). */
#define ENVIRONMENT_MAX (2 * 1024 * 1024)

/*
 * The variable's value, the first as getenv(3) has it, in the text with this length: NAME=VALUE, each ended by NUL; also the
 * last by the end of the text. -ENOENT when it is not set, -ENAMETOOLONG when its value and a NUL need more than size bytes.
 */
int environment_find(const char *text, size_t length, const char *name, char *value, size_t size);

/*
 * The same of a process. -ESRCH when it is gone, -EFBIG when its environment is larger than ENVIRONMENT_MAX, -EACCES or
 * another -errno when it cannot be read.
 */
int environment_read(int proc_fd, pid_t pid, const char *name, char *value, size_t size);

#endif
