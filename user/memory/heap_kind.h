/* SPDX-License-Identifier: GPL-2.0-only */
/* What an allocator whose heap can be read has to offer: user/heap/ opens the process, and asks the right one. */
#ifndef MEMGAP_MEMORY_HEAP_KIND_H
#define MEMGAP_MEMORY_HEAP_KIND_H

#include <stddef.h>

#include "user/memory/heap_view.h"
#include "user/memory/image.h"
#include "user/memory/owned.h"

/* The process, open as long as its heap is. */
struct heap_process {
	int dir_fd; /* /proc/PID */
	struct image image;
};

struct heap_kind {
	const char *name;
	size_t state_bytes; /* zeros at first */
	/*
	 * Finds the allocator: 0 or -errno as heap_open() in heap.h has it. *ret_why: a phrase for people, static; on success the versions
	 * of which it has the layout.
	 */
	int (*open)(void *state, const struct heap_process *process, const char **ret_why);
	void (*close)(void *state);
	/*
	 * One complete walk, as heap_read() has it. before: what was the heap's at the last one. What ret_owned had is replaced, also on
	 * failure.
	 */
	int (*read)(void *state, const struct heap_process *process, const struct heap_budget *budget, const struct owned *before,
		    struct owned *ret_owned, struct heap_view *ret);
	/* heap_glance(); NULL: it has no such thing. */
	int (*glance)(const void *state, const struct heap_process *process, struct heap_head *ret);
};

#endif
