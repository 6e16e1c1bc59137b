/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes tried on a throw-away child before they are put on anybody: what a kernel does is found out, not looked up by its
 * version, since distributions backport both faults and cures.
 */
#ifndef MEMGAP_ALLOCATOR_TRIAL_H
#define MEMGAP_ALLOCATOR_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

struct bpf_map;
struct bpf_program;

struct trial_programs {
	const struct bpf_program *enter;      /* counts its hits in the map */
	const struct bpf_program *at_return;  /* any return probe */
	const struct bpf_map *hits;
};

struct trial {
	/* Both threads of the child were seen: a multi-uprobe link for one process sees but one on some kernels before 6.10. */
	bool sees_all_threads;
	/*
	 * The child lived on under a seccomp filter that does not know the system call that return probes are made of: on
	 * kernels 6.11 to 6.13.2 such a process is killed, and container runtimes have such filters.
	 */
	bool survives;
};

/* How often `enter` has been hit so far. */
uint64_t trial_read_hits(const struct bpf_map *hits);

/* -errno when the probes could not be put in place. */
int trial_run(const struct trial_programs *programs, struct trial *ret);

#endif
