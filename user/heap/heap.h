/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The heap of a process, read from outside: what its allocator would say inside, and what a trim would give back. glibc 2.27 to
 * 2.44 (user/glibc/), musl 1.2.1 to 1.2.6 (user/musl/) and mimalloc 2.0.9 (user/mimalloc/), 64-bit. The process is not stopped and not
 * written to; reading costs it nothing, but marks its pages as referenced. It may change its heap meanwhile, or be hostile: figures are
 * then off by what changed, and all that is read is bounded.
 */
#ifndef MEMGAP_HEAP_HEAP_H
#define MEMGAP_HEAP_HEAP_H

#include <stdint.h>
#include <sys/types.h>

#include "user/memory/heap_view.h"

struct heap;

/*
 * Finds the allocator of a process; heap_close() releases it. After an exec it has to be opened anew. -ENOENT when it has
 * no heap that can be read (yet): another allocator, Go; -ESRCH when it is gone; -EACCES or -EPERM when it is not ours to look
 * into; -EPROTO when what is found fails its checks. *ret_why: a phrase for people, static, also on success.
 */
int heap_open(int proc_fd, pid_t pid, struct heap **ret, const char **ret_why);
void heap_close(struct heap *heap); /* NULL too */

/*
 * Walks through all of it. It blocks, and allocates memory; one thread at a time may call it for a heap. -EAGAIN: the target
 * changed it too fast, or it is corrupt; -ETIME: the budget was too small; -ENOBUFS: too much is swapped out, and reading it would
 * bring it back; -EOPNOTSUPP: the main arena is in pieces that are not all found; -ESRCH: gone. *ret is then as it was.
 * heap_why() says it for people.
 */
int heap_read(struct heap *heap, const struct heap_budget *budget, struct heap_view *ret);
const char *heap_why(int result);

/*
 * What the headers alone tell, in microseconds. That a block is freed or handed out shows in it when it is large, or an arena's top moves.
 * Errors as heap_read(); -ENOSYS: this allocator's tell nothing.
 */
int heap_glance(const struct heap *heap, struct heap_head *ret);

/* "glibc", and the versions whose layout it has: "2.35 to 2.42". */
const char *heap_name(const struct heap *heap);
const char *heap_versions(const struct heap *heap);

/*
 * What of an address range was the heap's at the last heap_read() that succeeded. NULL: nothing. Not while another thread is in
 * heap_read() of the same heap.
 */
struct heap_part_of heap_owned(const struct heap *heap, uint64_t start, uint64_t end);

#endif
