/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel side has counted, read all at once and without a system call: figures of cgroups and of their processes that
 * fit together.
 */
#ifndef MEMGAP_ALLOCATOR_COUNTERS_H
#define MEMGAP_ALLOCATOR_COUNTERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/memgap.h"

struct records;

struct counters;

/* The records are the caller's. -ENOMEM. counters_close() allows NULL. */
int counters_open(const struct records *records, struct counters **ret);
void counters_close(struct counters *counters);

/* Reads them; those of before are gone. */
void counters_read(struct counters *counters);

/* A process as it was then; NULL when it was not watched. */
const struct memgap_process *counters_of_process(const struct counters *counters, pid_t pid);

/* A cgroup's, by its slot, its processes' included but for `alloc`. Nested watched cgroups are not. */
const struct memgap_counters *counters_of_cgroup(const struct counters *counters, uint32_t slot);

#endif
