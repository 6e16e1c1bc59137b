/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A segment of mimalloc 2.0 (2.0.9; a release build, 64-bit): 32 MiB at a multiple of that, cut into slices of 64 KiB; some of
 * them together are a page, whose blocks are of one size; or a segment is as long as its single block needs. Its header has all
 * that is known of them: mi_segment_t and mi_page_t in include/mimalloc-types.h.
 */
#ifndef MEMGAP_MIMALLOC_SEGMENT_H
#define MEMGAP_MIMALLOC_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_ALIGNMENT (32ULL << 20)
#define SLICE (64ULL << 10)
#define SLICES_MAX 512

#define SEGMENT_HEADER 264 /* where the slices begin */
#define SLICE_BYTES 80

/* In struct mi_heap_s: thread_delayed_free, thread_id behind it. */
#define HEAP_DELAYED (8 + 8 * 129 + 24 * 75)

struct segment {
	uint64_t address;
	uint64_t bytes, committed;
	uint64_t key;       /* the process's: its cookie, without the address */
	uint64_t pages;     /* that are in use */
	uint64_t thread_id; /* 0: abandoned, or free */
	unsigned int info_slices, slices;
	bool is_huge;
};

/* SEGMENT_HEADER bytes; pure. */
bool segment_parse(const uint8_t *bytes, uint64_t address, struct segment *ret);

static inline uint64_t slice_address(uint64_t segment, unsigned int slice)
{
	return segment + SEGMENT_HEADER + (uint64_t)SLICE_BYTES * slice;
}

struct page {
	uint64_t start, bytes;
	unsigned int slices;
	uint64_t block;    /* bytes of each; 0: it is no page, its slices are free */
	uint32_t used;     /* blocks that are handed out, or that other threads have freed */
	uint32_t capacity; /* blocks that may have been handed out */
	uint64_t freed;    /* by other threads: the first one */
	uint64_t heap;     /* 0: abandoned */
};

/* The page that begins with a slice of the segment: SLICE_BYTES bytes; pure. */
bool page_parse(const struct segment *segment, unsigned int slice, const uint8_t *bytes, struct page *ret);

#endif
