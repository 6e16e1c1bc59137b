/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes on several places of one file, by one program. Where the kernel has them (6.6) it is one multi-uprobe link, which is
 * put in place and taken away at once, else a perf event a place. The program says which: it was loaded for the one
 * or the other (uprobes_prefer_multi()).
 */
#ifndef MEMGAP_ALLOCATOR_UPROBES_H
#define MEMGAP_ALLOCATOR_UPROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define UPROBES_MAX 128

struct bpf_program;

struct uprobes_request {
	const struct bpf_program *program;
	int fd;         /* of the file; the caller's */
	pid_t pid;      /* 0: every process that maps the file, now or later */
	bool at_return; /* of the functions at these places */
	size_t n;       /* at least 1 */
	uint64_t offsets[UPROBES_MAX]; /* in the file, of a first byte of an instruction */
	uint64_t cookies[UPROBES_MAX];
};

struct uprobes {
	size_t n;
	int fds[UPROBES_MAX]; /* of links: of the one multi link, or one for each place */
};

/* Before the object is loaded: its program is to be attached by multi links. */
void uprobes_prefer_multi(struct bpf_program *program);

bool uprobes_are_multi(const struct bpf_program *program);

/* All or nothing: 0 or -errno. The kernel takes the probes away when memgap ends, however it ends, also amid this (shielded.h). */
int uprobes_attach(const struct uprobes_request *request, struct uprobes *ret);
void uprobes_detach(struct uprobes *uprobes);

/* All of them, begun in this order, many at a time: the kernel waits for each, and those waits then overlap. */
void uprobes_detach_all(struct uprobes *const list[], size_t n);

#endif
