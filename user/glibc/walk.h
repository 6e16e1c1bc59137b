/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Goes from chunk to chunk through a piece of an arena's memory. What it meets may change at any moment: what is no chunk
 * where one should be is a contradiction, and it then goes on from an earlier place, each time an earlier one.
 */
#ifndef MEMGAP_GLIBC_WALK_H
#define MEMGAP_GLIBC_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "user/memory/addresses.h"
#include "user/memory/window.h"

/* A piece of memory that chunks lie in without gaps. */
struct piece {
	uint64_t start; /* of the first chunk */
	uint64_t end;
	uint64_t top;   /* chunk at the end that new ones are cut off from; 0: not in this piece, which ends in fenceposts */
	bool is_main;   /* of the main arena: fenceposts may be followed by memory that others got with sbrk(), then chunks */
	uint64_t brk_end;        /* of the main arena's memory, if malloc_trim() can lower that; else 0 */
	uint64_t trim_alignment; /* of what it then gives back, bytes */
	bool open_ended;         /* it may end before `end`, which is then set to where: after fenceposts, or the top */
};

/* Sums, in bytes; of what the pieces hold. */
struct tally {
	uint64_t used;         /* usable bytes of blocks that are handed out, those in a thread's cache too */
	uint64_t cached;       /* of them, usable bytes in threads' caches */
	uint64_t cached_resident; /* bytes of these chunks on resident pages */
	uint64_t unused;       /* in chunks that are free, the top included, resident or not */
	uint64_t free;         /* on resident pages, in chunks that are free, the top included */
	uint64_t trimmable;    /* of them, on pages that malloc_trim(0) gives back */
};

#define N_CHECKPOINTS 16

/* How far it came. */
struct walk_position {
	uint64_t chunk, head; /* the chunk that is looked at, and its second word */
	uint64_t run;         /* start of the free chunks that end where it starts; 0: the one before it is in use */
	size_t next_fast;     /* in the set */
	struct tally tally;
};

struct walk {
	const struct image *image;
	struct window *window;
	uint64_t tcache_count;        /* of mp_ */
	struct addresses *fast;       /* sorted: free chunks in the arena's fastbins */
	unsigned int retries;         /* that are left, of all pieces */
	/* Where the piece ends, and its top, may have moved: looks again. 0 or -errno. */
	int (*refresh)(void *data, struct piece *piece);
	void *data;
	/* of the piece */
	struct walk_position first, at, checkpoints[N_CHECKPOINTS];
	unsigned int n_checkpoints;
	uint64_t last_loads;
};

/*
 * Adds the piece to the sums. -EAGAIN: too many contradictions; -ETIME, -ENOBUFS, -ESRCH (window.h). Then nothing is added.
 */
int walk_piece(struct walk *walk, struct piece *piece, struct tally *sum);

#endif
