/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Another file system tree, as a host's "/" that is mounted at /host, or /proc/1/root of a host whose pid namespace is
 * shared: its symbolic links, absolute ones too, lead nowhere outside of it (openat2(2), RESOLVE_IN_ROOT, Linux 5.6).
 */
#ifndef MEMGAP_TARGET_ROOT_H
#define MEMGAP_TARGET_ROOT_H

#include <stddef.h>
#include <sys/types.h>

/*
 * The host's "/": that of process 1, which from a container in the host's pid namespace is not one's own; else what is mounted
 * at /host; else one's own.
 * O_PATH; -1 with errno.
 */
int host_root_open(int proc_fd);

/* The "/" of a process, in its mount namespace. O_PATH; -ESRCH when it is gone, -EACCES or another -errno. */
int process_root_open(int proc_fd, pid_t pid);

/* Opens a path of the tree, with a leading slash or without; flags as of open(2), O_CLOEXEC is added. -errno. */
int root_open(int root_fd, const char *path, int flags);

/*
 * Opens the very file that an O_PATH descriptor is, whatever its path leads to by now; O_CLOEXEC is added. -errno. proc_fd:
 * a /proc that knows this process, memgap's own or one of a pid namespace around it.
 */
int path_fd_open(int proc_fd, int path_fd, int flags);

/*
 * Reads a regular file whole: *ret_text is the caller's to free, *ret_length its bytes before the NUL. -EINVAL when it is no
 * regular file (and then nothing was waited for), -EFBIG when it has more than max bytes.
 */
int root_read_file(int root_fd, const char *path, size_t max, char **ret_text, size_t *ret_length);

#endif
