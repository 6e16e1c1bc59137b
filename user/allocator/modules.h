/* SPDX-License-Identifier: GPL-2.0-only */
/* The files that a process has code of. */
#ifndef MEMGAP_ALLOCATOR_MODULES_H
#define MEMGAP_ALLOCATOR_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/memgap.h"

struct bpf_program;

struct modules {
	size_t n, room;
	struct memgap_module *list; /* a file may be there more than once */
};

/*
 * Lists them with the BPF iterator; with /proc/PID/maps where the kernel has no iterator for a single process
 * (before 6.1; there the device and inode of maps are the real ones, on overlayfs too). iterator may be
 * NULL. -ESRCH when the process is gone, or has no memory any more. modules_free() releases the list.
 */
int modules_read(const struct bpf_program *iterator, int proc_fd, pid_t pid, struct modules *ret);
void modules_free(struct modules *modules);

/* All that it maps of files, code or not, with device and inode as /proc/PID/maps has them. -ESRCH when it is gone. */
int modules_read_all(int proc_fd, pid_t pid, struct modules *ret);

/* The text of /proc/PID/maps, files with code, or all files; -ENOMEM. Lines that are none are passed over. */
int modules_parse_maps(const char *text, bool all, struct modules *ret);

/* Opens the file behind a module, also when it was deleted: /proc/PID/map_files. The fd, or -errno. */
int module_open(int proc_fd, pid_t pid, const struct memgap_module *module);

/*
 * What device and inode the file behind fd has as a module: found out by mapping it here, since stat() tells
 * something else on overlayfs. Addresses in *ret are of no meaning. 0 or -errno.
 */
int module_identify(const struct bpf_program *iterator, int proc_fd, int fd, struct memgap_module *ret);

#endif
