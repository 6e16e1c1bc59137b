/* SPDX-License-Identifier: GPL-2.0-only */
/* The probes on one library file. */
#ifndef MEMGAP_ALLOCATOR_ATTACHMENT_H
#define MEMGAP_ALLOCATOR_ATTACHMENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/allocator/library.h"

struct bpf_link;
struct bpf_program;

struct attachment_programs {
	struct bpf_program *malloc_enter, *malloc_return, *free_enter;
};

struct attachment {
	size_t n;
	struct bpf_link *links[2 * FAMILY_MAX];
	uint64_t complete_ns; /* CLOCK_MONOTONIC when the last probe was in place */
};

/*
 * Puts the probes on the file behind fd, those on freeing functions with library_key (in the BPF map `libraries`) as
 * their cookie; pid -1: for every process that maps it, now or later, else for that
 * one alone. All or nothing: 0 or -errno. The kernel takes the probes away when memgap ends, however it ends.
 */
int attachment_make(struct attachment *ret, const struct attachment_programs *programs, int fd,
		    const struct library *library, uint32_t library_key, pid_t pid);
void attachment_remove(struct attachment *attachment);

#endif
