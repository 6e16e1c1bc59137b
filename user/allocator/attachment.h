/* SPDX-License-Identifier: GPL-2.0-only */
/* The probes on one library file. */
#ifndef MEMGAP_ALLOCATOR_ATTACHMENT_H
#define MEMGAP_ALLOCATOR_ATTACHMENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/allocator/library.h"
#include "user/allocator/uprobes.h"

struct attachment_programs {
	/* at_exit: for functions that are probed at their exits */
	struct bpf_program *malloc_enter, *malloc_return, *free_enter, *at_exit;
};

/* All zero: nothing is attached. */
struct attachment {
	struct uprobes entries, returns, exits, frees;
	uint64_t complete_ns; /* CLOCK_MONOTONIC when the last probe was in place */
};

/*
 * Puts the probes on the file behind fd; library_key: in the BPF map `libraries`; pid 0: for every process that maps it,
 * now or later, else for that one alone. All or nothing: 0, -ESTALE when the file is no longer what the library was read
 * from, or -errno.
 */
int attachment_make(struct attachment *ret, const struct attachment_programs *programs, int fd,
		    const struct library *library, uint32_t library_key, pid_t pid);
void attachment_remove(struct attachment *attachment);
/* Several at once, which takes not much longer than one. In any thread. */
void attachments_remove(struct attachment *const list[], size_t n);

#endif
