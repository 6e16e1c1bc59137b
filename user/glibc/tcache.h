/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread's cache of free blocks: struct tcache_perthread_struct, malloc/malloc.c. It lies in an arena, in a chunk of its
 * own; the chunks that it holds look like ones in use.
 */
#ifndef MEMGAP_GLIBC_TCACHE_H
#define MEMGAP_GLIBC_TCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/memory/image.h"

/* counts[64] until 2.41; num_slots[76], how many more it may hold, from 2.42 on: 64 small sizes, 12 ranges of large ones. */
enum tcache_kind {
	TCACHE_NONE,
	TCACHE_COUNTS,
	TCACHE_SLOTS,
};

#define TCACHE_BYTES_MAX 760

struct tcache_sum {
	uint64_t blocks, bytes; /* chunks that it holds, their sizes */
	uint64_t resident;      /* of bytes; what is small has been touched, or shares its page with what has */
};

/* What a chunk of a size may hold, and how many bytes of it; the allocator may give a chunk 16 bytes more than it needs. */
enum tcache_kind tcache_kind_of(uint64_t chunk_size, size_t *ret_bytes);

/*
 * Whether the bytes of a block are a thread's cache, and what it holds. tcache_count: of mp_, how many of each size at most.
 * A block of zeros that may be an idle cache of an old glibc is none.
 */
bool tcache_read(const struct image *image, enum tcache_kind kind, const uint8_t *bytes, uint64_t tcache_count,
		 struct tcache_sum *ret);

#endif
