/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's view of a memory cgroup, from the memory.* files of its directory: cgroup-v2.rst and cgroup-v1/memory.rst in
 * Documentation/admin-guide; mm/memcontrol.c and mm/memcontrol-v1.c.
 */
#ifndef MEMGAP_KERNEL_CGROUP_H
#define MEMGAP_KERNEL_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Bytes, but for the last three; UNKNOWN (NAN) where the kernel has no figure, as it often is at the root. All but limit,
 * high and v1's oom_kills are with the cgroups below. Each figure is of its own moment: they need not add up exactly.
 */
struct cgroup_memory {
	int64_t current;       /* charged, of all kinds; not what is swapped out */
	int64_t limit;         /* that holds: the lowest on the way up; UNKNOWN: none, or not all of them could be read */
	int64_t high;          /* memory.high of its own, v2; UNKNOWN: none */
	int64_t swap;
	int64_t anon, file, shmem; /* file holds shmem and the page cache */
	int64_t inactive_file;
	int64_t kernel;        /* slab, stacks, page tables, ...: without socket buffers */
	int64_t working_set;   /* current - inactive_file but not below 0, as kubelet counts it */
	int64_t oom_kills;     /* processes */
	double psi_some_avg10; /* percent of the last 10 s in which a process waited for memory; v2 */
	const char *unreadable; /* the first file that is there but could not be read; NULL: none. A static string */
};

/* Nothing known. */
void cgroup_memory_init(struct cgroup_memory *memory);

/* A limit file's text: a number, "max" (v2), or v1's way to say no limit, the largest number of whole pages. */
int64_t cgroup_parse_limit(const char *text);
int64_t cgroup_parse_bytes(const char *text);
/* The same of a figure: UNKNOWN when it is v1's way to say no limit. */
int64_t cgroup_limit(int64_t bytes);

/* Whether memory is charged to this cgroup itself: on v2 only where the controller is on for it (or it is the root). */
bool cgroup_has_memory(int dir_fd, int version);

/* Whether the hierarchy with this root has the memory controller at all: a v2 hierarchy may be without. */
bool cgroup_root_has_memory(int root_fd, int version);

/* Whether the cgroup with this directory is still there. Cheap: nothing is read. */
bool cgroup_exists(int dir_fd);

/*
 * Below a cgroup's directory; version 1 or 2. -ENODEV when the cgroup is gone. What is not there or cannot be read leaves
 * its figures unknown: without the memory controller (v2) that is all of them but psi_some_avg10. Allocates nothing.
 */
int cgroup_memory_read(int dir_fd, int version, struct cgroup_memory *ret);

/* Its `current` alone; UNKNOWN when the cgroup is gone or there is none. */
int64_t cgroup_current_read(int dir_fd, int version);

#endif
