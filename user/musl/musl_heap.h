/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The heap of a process with musl's allocator (mallocng: musl 1.2.1 to 1.2.6, 64-bit), read from outside: the sum of what
 * malloc_usable_size() says of its blocks, which in musl is what was asked for, to the byte. The process is not stopped and
 * not written to; it may change its heap meanwhile, or be hostile: figures are then off by what changed, and all that is read
 * is bounded.
 *
 * Of struct heap_view: sys are the mappings of groups, the pages of meta data, and what the loader gave to the
 * allocator of the ends of files' variables; mmapped of it the mappings that have one block. All that is free and resident is
 * pinned, trimmable is 0: musl unmaps a group as soon as no block is in it, and has no way to give back more. That is slots that
 * are free, and what in a slot is not its block. Up to musl 1.2.3 whole pages in free slots are given up with MADV_FREE: they
 * are the kernel's `lazyfree`, and pinned here until it takes them.
 */
#ifndef MEMGAP_MUSL_MUSL_HEAP_H
#define MEMGAP_MUSL_MUSL_HEAP_H

#include "user/memory/heap_kind.h"

/*
 * open(): -ENOENT when it has no such heap (yet): another libc, musl before 1.2.1. Whether another allocator is in its place does not show
 * here: musl's loader uses its own all the same.
 */
extern const struct heap_kind musl_heap;

#endif
