/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The records of watched processes (struct memgap_process) from the loader's side: it has them mapped, as the kernel side has them,
 * so reading one costs no system call. Taking and giving back go by the same rules as in bpf/process.bpf.c.
 */
#ifndef MEMGAP_ALLOCATOR_RECORDS_H
#define MEMGAP_ALLOCATOR_RECORDS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/memgap.h"

struct bpf_map;

struct records_maps {
	const struct bpf_map *processes, *records, *free_records, *cgroups, *tallies, *lines;
};

struct records {
	struct records_maps maps;
	uint32_t max; /* of them, the unused first one left out */
	struct memgap_process *all;
	struct memgap_counters *cgroups; /* by slot: what is settled */
	uint64_t *tallies;               /* by enum memgap_tally */
	struct memgap_line *lines;       /* see there */
};

/* -errno. records_close() in any case. */
int records_open(const struct records_maps *maps, struct records *ret);
void records_close(struct records *records);

/* -EEXIST: the process has one; -ENOSPC: there is none left. */
int records_add(struct records *records, pid_t pid, const struct memgap_process *process);
void records_remove(struct records *records, pid_t pid);

/* NULL when the process is not watched. It goes on counting. */
const struct memgap_process *records_find(const struct records *records, pid_t pid);

/* As probes_set_presence() says. */
void records_set_presence(struct records *records, pid_t pid, enum memgap_presence presence);

/* How many of the records, from the second on, have ever been in use: their `pid` says whether they are. */
uint32_t records_used(const struct records *records);
uint64_t records_tally(const struct records *records, enum memgap_tally place);

#endif
