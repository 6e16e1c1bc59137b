/* SPDX-License-Identifier: GPL-2.0-only */
/* What a walk through a process's heap finds, whichever allocator's it is, and what it may take. */
#ifndef MEMGAP_MEMORY_HEAP_VIEW_H
#define MEMGAP_MEMORY_HEAP_VIEW_H

#include <stdint.h>

#define HEAP_ARENAS_SHOWN 16

/*
 * Bytes, of one complete walk; UNKNOWN (units.h) where that is said, or where the allocator's own header says so. What is said of
 * mallinfo2(3) and malloc_trim(3) is glibc's.
 */
struct heap_view {
	int64_t alloc;     /* usable sizes of blocks that are handed out: not those in threads' caches and fastbins, nor (but for
			    * 648 each of a glibc before 2.42 whose thread has freed nothing) the caches themselves */
	int64_t sys;       /* what the allocator has from the kernel: mallinfo2's arena + hblkhd */
	int64_t mmapped;   /* of it, in chunks of their own mappings: hblkhd, but without what glibc 2.43 counts twice there */
	int64_t unused;    /* of sys, in free chunks, resident or not, but not in threads' caches: mallinfo2's fordblks */
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

/* What a walk may take. It rests (0: not at all) when it took so long at once, and then after each slice. */
struct heap_budget {
	uint64_t most_ns; /* without rests */
	uint64_t at_once_ns, slice_ns, rest_ns;
};

/* What the headers alone tell. */
struct heap_head {
	int64_t sys, reach; /* bytes; reach: of sys, in chunks of their own mappings or below an arena's top */
};

/* Of an address range: bytes of address space, and how many of them are resident. */
struct heap_part_of {
	uint64_t bytes, resident;
};

#endif
