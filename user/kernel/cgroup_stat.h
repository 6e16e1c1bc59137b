/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The texts of a memory cgroup's files of several figures: memory.stat (memory_stat_format() in mm/memcontrol.c,
 * memcg1_stat_format() in mm/memcontrol-v1.c) and what counts its OOM kills. Pure. Each function sets the members it names:
 * to UNKNOWN where the text has no such line, or one that is cut, negative or too large.
 */
#ifndef MEMGAP_KERNEL_CGROUP_STAT_H
#define MEMGAP_KERNEL_CGROUP_STAT_H

#include "user/kernel/cgroup.h"

/*
 * anon, file, shmem, inactive_file, swap, and limit, which is the lowest on the way up. All with the cgroups below, as
 * memory.usage_in_bytes has them. No swap without swap accounting (swapaccount=0).
 */
void cgroup_parse_stat_v1(const char *text, struct cgroup_memory *memory);

/*
 * anon, file, shmem, inactive_file, kernel. "kernel" came with 5.18; before, it is the sum of the kinds shown, without page
 * tables before 5.11 and per-CPU memory before 5.9. Like "kernel" it has no socket buffers in it: "sock" is charged apart.
 */
void cgroup_parse_stat_v2(const char *text, struct cgroup_memory *memory);

/*
 * oom_kills, from memory.events (v2: with the cgroups below, unless mounted with memory_localevents) or memory.oom_control
 * (v1, since 4.13: of its own alone).
 */
void cgroup_parse_events(const char *text, struct cgroup_memory *memory);

#endif
