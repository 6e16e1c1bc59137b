/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A group of up to 32 slots of one size, and the block in a slot: struct meta and struct group in src/malloc/mallocng/meta.h.
 * A group is a mapping of its own; or lies in a slot of another one; or was given to the allocator by the loader (donate.c).
 */
#ifndef MEMGAP_MUSL_GROUP_H
#define MEMGAP_MUSL_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All sizes and offsets are multiples of it; a group's header has so many bytes: UNIT there. */
#define UNIT 16ULL
/* Bytes of a slot's header, which are the last ones of what lies before it: IB there. */
#define SLOT_HEADER 4ULL
/* So many or more bytes at a slot's end are not its block's: how many, the last 4 of them say. */
#define RESERVED_MORE 5U
/* Bytes before a slot, or a block, that are looked at. */
#define BEFORE_BLOCK 16ULL

struct meta {
	uint64_t address; /* of its 40 bytes */
	uint64_t group;
	uint64_t map_bytes; /* of its mapping; 0: it has none */
	uint64_t stride;    /* from slot to slot, bytes */
	uint32_t unused;    /* a bit for each slot that is free */
	unsigned int slots;
	bool is_given; /* by the loader */
};

enum meta_kind {
	META_NONE, /* of no group */
	META_GROUP,
	META_UNSOUND,
};

enum meta_kind meta_parse(const uint8_t *bytes, uint64_t address, struct meta *ret);

static inline uint64_t slot_start(const struct meta *meta, unsigned int index)
{
	return meta->group + UNIT + meta->stride * index;
}

/* Where no block ends behind: its last 4 bytes are the next slot's header, of the last one unused. */
static inline uint64_t slot_end(const struct meta *meta, unsigned int index)
{
	return slot_start(meta, index) + meta->stride - SLOT_HEADER;
}

/* A bit for each slot that is in use. */
static inline uint32_t slots_used(const struct meta *meta)
{
	return (uint32_t)((1ULL << meta->slots) - 1) & ~meta->unused;
}

/* What a block of unknown size in one of its slots is likely to have: the middle of what it may have. */
static inline uint64_t slot_likely(const struct meta *meta)
{
	return meta->stride - SLOT_HEADER - (meta->map_bytes && meta->slots == 1 ? 2048 : meta->stride / 10);
}

enum slot_kind {
	SLOT_BLOCK,
	SLOT_GROUP,   /* another group is in it */
	SLOT_UNSOUND, /* or about to be handed out, or given back */
};

/* before: the 16 bytes before a slot. Where its block starts in it; with an extreme alignment, some whole MiB before that. */
uint64_t slot_block(const struct meta *meta, unsigned int index, const uint8_t *before);

/* What the header says that is right before a block. *ret_reserved: bytes at the slot's end that are not the block's. */
enum slot_kind slot_parse(const struct meta *meta, unsigned int index, uint64_t block, const uint8_t *before,
			  uint32_t *ret_reserved);

#endif
