/* SPDX-License-Identifier: GPL-2.0-only */
/* What `memgap check` found out, as text for people: a fact a line, its name first. What is not known is "-". */
#ifndef MEMGAP_OUTPUT_CHECK_TEXT_H
#define MEMGAP_OUTPUT_CHECK_TEXT_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "user/allocator/cost.h"
#include "user/allocator/examine.h"
#include "user/allocator/host.h"
#include "user/allocator/probes.h"

struct check_host {
	const char *kernel;    /* its release */
	struct host host;
	bool tried;            /* BPF programs: else what they need is missing */
	const struct probes_features *features; /* NULL: they could not be loaded, */
	const char *failure;   /* and why */
	struct probe_cost cost;
	int cgroup_version;    /* of the memory hierarchy; 0: there is none that can be seen, */
	const char *cgroup_why; /* and why */
	bool cgroup_hybrid, cgroup_has_memory;
	const char *cgroup_mount;
	const char *reclaim_why; /* why memory.reclaim cannot be used; NULL: it can, */
	bool reclaim_spares_anon; /* and for page cache alone */
};

struct check_process {
	pid_t pid;
	const char *comm;
	int seccomp;           /* as struct process_status has it */
	const struct examined *examined;
	const char *refusal;   /* why nothing in it is probed; NULL: something is */
	const char *heap;      /* "glibc 2.35 to 2.42": its heap can be read from outside; NULL: it cannot, */
	const char *heap_why;  /* and why */
	const char *go, *go_why; /* the same of Go's runtime, "go1.22.3"; both NULL: it is no Go program */
	int64_t pair_ns;       /* what a malloc and a free cost it with probes; UNKNOWN */
};

/* Whether `watch` has an allocator view of it. */
bool check_process_has_view(const struct check_process *process);

/* Whether all is there that `watch` needs for probes. */
bool check_host_is_ready(const struct check_host *host);

void check_text_host(FILE *stream, const struct check_host *host);
void check_text_process(FILE *stream, const struct check_process *process, const struct check_host *host);
/* The functions of an allocator that is probed. */
void check_text_allocator(FILE *stream, const struct examined_file *file, const struct probe_cost *cost);

#endif
