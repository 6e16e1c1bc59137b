/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The heap of a process with mimalloc 2.0.9 (a release build, 64-bit; shared, preloaded or linked into the program), read from
 * outside: the sum of its blocks. The process is not stopped and not written to; it may change its heap meanwhile, or be
 * hostile: figures are then off by what changed, and all that is read is bounded. Other versions keep it in other ways: they
 * are told by that and refused.
 *
 * alloc is what mi_usable_size() says of each block, but for those with an alignment above 16 that the allocator had to put into
 * the middle of a larger block: nothing outside says where in it they begin, and the whole block counts. Of struct heap_view
 * (heap.h) besides: sys is what the segments have committed; mmapped of it segments of one block. resident_free is estimated
 * where a mimalloc page has both: there, what is handed out counts as touched; pinned is that part of it. The rest lies in pages,
 * and segments, without a block. trimmable is UNKNOWN: mi_collect(true) gives back segments that are empty, if the thread that
 * calls it has them; all else is given back when its thread frees more, some time after.
 */
#ifndef MEMGAP_MIMALLOC_MIMALLOC_HEAP_H
#define MEMGAP_MIMALLOC_MIMALLOC_HEAP_H

#include "user/heap/heap.h"

struct mimalloc_heap;

/*
 * Finds the segments of a process; mimalloc_heap_close() releases it. After an exec it has to be opened anew. -ENOENT when it
 * has none (yet) of a version that is known; -EPROTO when they fail the checks: another build, or more than one allocator of that
 * kind; -ESRCH when it is gone; -EACCES or -EPERM when it is not ours to look into. *ret_why: a phrase for people, static, also on success.
 */
int mimalloc_heap_open(int proc_fd, pid_t pid, struct mimalloc_heap **ret, const char **ret_why);
void mimalloc_heap_close(struct mimalloc_heap *heap); /* NULL too */

/* As heap_read(), which says what the errors are; heap_why() says them for people. */
int mimalloc_heap_read(struct mimalloc_heap *heap, uint64_t budget_ns, struct heap_view *ret);

/* The versions whose layout it has. */
const char *mimalloc_heap_versions(const struct mimalloc_heap *heap);

/* As heap_owned(). */
struct heap_part_of mimalloc_heap_owned(const struct mimalloc_heap *heap, uint64_t start, uint64_t end);

#endif
