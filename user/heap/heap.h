/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The heap of a process with glibc's malloc (2.27 to 2.44, 64-bit), read from outside: what mallinfo2(3) would say inside, and
 * which of it malloc_trim(3) would give back. The process is not stopped and not written to; reading costs it nothing, but
 * marks its pages as referenced. It may change its heap meanwhile, or be hostile: figures are then off by what changed, and
 * all that is read is bounded.
 */
#ifndef MEMGAP_HEAP_HEAP_H
#define MEMGAP_HEAP_HEAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HEAP_ARENAS_SHOWN 16

/* Bytes, of one complete walk. UNKNOWN (units.h) where that is said. */
struct heap_view {
	int64_t alloc;     /* usable sizes of blocks that are handed out: not those in threads' caches and fastbins, nor (but for
			    * 648 each of a glibc before 2.42 whose thread has freed nothing) the caches themselves */
	int64_t sys;       /* what the allocator has from the kernel: mallinfo2's arena + hblkhd */
	int64_t mmapped;   /* of it, in chunks of their own mappings: hblkhd, but without what glibc 2.43 counts twice there */
	int64_t resident;  /* of sys, in memory; UNKNOWN when not all mmapped chunks were found */
	int64_t resident_free; /* of resident, in no block that is handed out: trimmable + pinned */
	int64_t trimmable; /* malloc_trim(0) would give it back now: whole pages in free chunks, the end of the main arena */
	int64_t pinned;    /* free, but not given back: parts of pages, threads' caches, tops of other arenas */
	int64_t swapped;   /* of sys, swapped out; UNKNOWN with resident */
	int64_t cached;    /* in threads' caches, thus not in alloc: usable bytes */
	int64_t reach;     /* as heap_glance() has it, at the end of the walk */
	uint32_t arenas;   /* of them the main one and those after it, in the order of their ring: */
	struct heap_arena {
		int64_t sys, used; /* used: usable bytes of blocks, those in threads' caches too */
		int64_t resident_free, trimmable;
	} arena[HEAP_ARENAS_SHOWN];
};

struct heap;

/*
 * Finds the allocator of a process; heap_close() releases it. After an exec it has to be opened anew. -ENOENT when it has
 * no glibc heap (yet): another libc, another allocator in its place, Go; -ESRCH when it is gone; -EACCES or -EPERM when it is
 * not ours to look into; -EPROTO when what is found fails its checks. *ret_why: a phrase for people, static, also on success.
 */
int heap_open(int proc_fd, pid_t pid, struct heap **ret, const char **ret_why);
void heap_close(struct heap *heap); /* NULL too */

/* What a walk may take. It rests (0: not at all) when it took so long at once, and then after each slice. */
struct heap_budget {
	uint64_t most_ns; /* without rests */
	uint64_t at_once_ns, slice_ns, rest_ns;
};

/*
 * Walks through all of it. It blocks, and allocates memory; one thread at a time may call it for a heap. -EAGAIN: the target changed it too fast, or it is corrupt; -ETIME: the budget was too small; -ENOBUFS: too much is
 * swapped out, and reading it would bring it back; -EOPNOTSUPP: the main arena is in pieces that are not all found; -ESRCH:
 * gone. *ret is then as it was. heap_why() says it for people.
 */
int heap_read(struct heap *heap, const struct heap_budget *budget, struct heap_view *ret);
const char *heap_why(int result);

/*
 * What the headers alone tell, in microseconds: how much the allocator has from the kernel, and how much of that is in chunks of their own
 * mappings or below an arena's top, where blocks are, or were. That a block is freed or handed out shows in it when it is large, or the top moves.
 * Errors as heap_read().
 */
struct heap_head {
	int64_t sys, reach; /* bytes */
};

int heap_glance(const struct heap *heap, struct heap_head *ret);

/* The glibc versions whose layout it has, "2.35 to 2.42". */
const char *heap_versions(const struct heap *heap);

/*
 * What of an address range was the heap's at the last heap_read() that succeeded: bytes of address space, and how many of
 * them were resident. NULL: 0 of both. Not while another thread is in heap_read() of the same heap.
 */
struct heap_part_of {
	uint64_t bytes, resident;
};

struct heap_part_of heap_owned(const struct heap *heap, uint64_t start, uint64_t end);

#endif
