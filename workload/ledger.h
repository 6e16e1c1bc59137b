/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the workload holds. Every malloc and free of a pattern goes through here and is counted, in usable
 * bytes, as malloc_usable_size() has them. The books themselves are kept in shared mappings: they are
 * neither on the heap nor in RssAnon or VmData, so that those speak of the blocks alone.
 *
 * Nothing here is locked. A tally has one writer; of the ledger see struct workload.
 */
#ifndef WORKLOAD_LEDGER_H
#define WORKLOAD_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Figures that only grow. What is held is the difference, right also over a sum of tallies. */
struct tally {
	uint64_t mallocs;
	uint64_t frees;
	uint64_t malloc_bytes;
	uint64_t free_bytes;
};

static inline uint64_t tally_held_blocks(const struct tally *tally)
{
	return tally->mallocs - tally->frees;
}

static inline uint64_t tally_held_bytes(const struct tally *tally)
{
	return tally->malloc_bytes - tally->free_bytes;
}

void tally_add(struct tally *sum, const struct tally *part);

/* malloc, counted. The block is the caller's, to be given to tally_free(). NULL when there is no memory. */
void *tally_malloc(struct tally *tally, size_t bytes);
void tally_free(struct tally *tally, void *block);

/* Every byte is written, so that it becomes resident. */
void block_touch(void *block, size_t bytes);

/* Zeroed memory that is not the heap's, never given back. NULL when there is none. */
void *books_map(size_t bytes);

/* 128 MiB of address space for the pointers; only what is used of it becomes resident. */
#define LEDGER_MAX_BLOCKS (1 << 24)

/* Blocks in the order in which they were handed out, the oldest first. */
struct ledger {
	struct tally tally;
	void **blocks;
	size_t count;
};

/* Returns 0 or -ENOMEM. */
int ledger_init(struct ledger *ledger);

/* Adds a block. Returns 0, -ENOMEM, or -ENOBUFS when the ledger is full. */
int ledger_allocate(struct ledger *ledger, size_t bytes, bool touch);

/* Frees the n oldest blocks; there must be as many. */
void ledger_free_first(struct ledger *ledger, size_t n);

/* Frees the blocks, oldest first, for which keep() is false. */
void ledger_free_unless(struct ledger *ledger, bool (*keep)(void *block, void *data), void *data);

#endif
