/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's view of a memory cgroup: memory.current and memory.max on v2 (cgroup-v2.rst),
 * memory.usage_in_bytes and memory.limit_in_bytes on v1 (cgroup-v1/memory.rst).
 */
#ifndef MEMGAP_KERNEL_CGROUP_H
#define MEMGAP_KERNEL_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

struct cgroup_memory {
	int64_t current; /* bytes charged; UNKNOWN where the kernel has no figure (the v2 root) */
	int64_t limit;   /* bytes; UNKNOWN: no limit */
};

/* A limit file's text: a number, "max" (v2), or v1's way to say no limit, the largest number of whole pages. */
int64_t cgroup_parse_limit(const char *text);
int64_t cgroup_parse_bytes(const char *text);

/* Whether memory is charged to this cgroup itself: on v2 only where the controller is on for it (or it is the root). */
bool cgroup_has_memory(int dir_fd, int version);

/* Whether the hierarchy with this root has the memory controller at all: a v2 hierarchy may be without. */
bool cgroup_root_has_memory(int root_fd, int version);

/* Below a cgroup's directory; version 1 or 2. -ENODEV when the cgroup is gone. */
int cgroup_memory_read(int dir_fd, int version, struct cgroup_memory *ret);

#endif
