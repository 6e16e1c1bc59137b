/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The heap of a process with mimalloc 2.0.9 (a release build, 64-bit; shared, preloaded or linked into the program), read from
 * outside: the sum of its blocks. The process is not stopped and not written to; it may change its heap meanwhile, or be
 * hostile: figures are then off by what changed, and all that is read is bounded. Other versions keep it in other ways: they
 * are told by that and refused.
 *
 * alloc is what mi_usable_size() says of each block, but for those with an alignment above 16 that the allocator had to put into
 * the middle of a larger block: nothing outside says where in it they begin, and the whole block counts. Of struct heap_view
 * besides: sys is what the segments have committed; mmapped of it segments of one block. resident_free is estimated
 * where a mimalloc page has both: there, what is handed out counts as touched; pinned is that part of it. The rest lies in pages,
 * and segments, without a block. trimmable is UNKNOWN: mi_collect(true) gives back segments that are empty, if the thread that
 * calls it has them; all else is given back when its thread frees more, some time after.
 */
#ifndef MEMGAP_MIMALLOC_MIMALLOC_HEAP_H
#define MEMGAP_MIMALLOC_MIMALLOC_HEAP_H

#include "user/memory/heap_kind.h"

/*
 * open(): -ENOENT when it has no segment (yet) of a version that is known; -EPROTO when they fail the checks: another build, or more than one
 * allocator of that kind. It looks at all mappings: only to be asked of a process that has mimalloc.
 */
extern const struct heap_kind mimalloc_heap;

#endif
