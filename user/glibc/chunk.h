/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A chunk: two words, then the block (struct malloc_chunk, malloc/malloc.c). The first is the size of the chunk before it if
 * that is free, and else that one's; the second the chunk's own size with three flags.
 */
#ifndef MEMGAP_GLIBC_CHUNK_H
#define MEMGAP_GLIBC_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#define PREV_INUSE 1ULL
#define IS_MMAPPED 2ULL
#define CHUNK_FLAGS 7ULL

#define CHUNK_HEADER 16ULL    /* CHUNK_HDR_SZ; the size of a fencepost as well */
#define CHUNK_MIN 32ULL       /* MINSIZE */
#define CHUNK_STRUCT 48ULL    /* what malloc_trim() keeps of a free one: sizeof(struct malloc_chunk) */
#define CHUNK_FAST_MAX 0xb0ULL /* the largest that a fastbin may be for: request2size(MAX_FAST_SIZE) */
#define ADDRESS_MAX (1ULL << 56)

static inline uint64_t chunk_size(uint64_t head)
{
	return head & ~CHUNK_FLAGS;
}

/* Usable bytes of one in an arena: its last word is the first one of the next chunk. */
static inline uint64_t chunk_usable(uint64_t size)
{
	return size - 8;
}

#endif
