/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's view of a memory cgroup: memory.current and memory.max on v2 (cgroup-v2.rst),
 * memory.usage_in_bytes and memory.limit_in_bytes on v1 (cgroup-v1/memory.rst).
 */
#ifndef MEMGAP_KERNEL_CGROUP_H
#define MEMGAP_KERNEL_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes, but for the last two; UNKNOWN (NAN) where the kernel has no figure, as it often is at the root. */
struct cgroup_memory {
	int64_t current;       /* charged, of all kinds, with the cgroups below */
	int64_t limit;         /* that holds: the lowest on the way up; UNKNOWN: none */
	int64_t high;          /* memory.high of its own, v2; UNKNOWN: none */
	int64_t swap;
	int64_t anon, file, shmem; /* file holds shmem and the page cache */
	int64_t inactive_file;
	int64_t kernel;
	int64_t working_set;   /* current - inactive_file, as kubelet counts it */
	int64_t oom_kills;     /* processes */
	double psi_some_avg10; /* percent of the last 10 s in which a process waited for memory */
};

/* Nothing known. */
void cgroup_memory_init(struct cgroup_memory *memory);

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
