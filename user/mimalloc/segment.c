// SPDX-License-Identifier: GPL-2.0-only
#include "user/mimalloc/segment.h"

#include "user/memory/word.h"

#define ADDRESS_MAX (1ULL << 56)
#define BYTES_MAX (1ULL << 47)

/* mi_segment_t */
#define COMMIT_MASK 112
#define MASK_WORDS 8
#define ABANDONED 192
#define USED 208
#define COOKIE 216
#define SEGMENT_SLICES 224
#define INFO_SLICES 232
#define KIND 240
#define ENTRIES 248
#define THREAD_ID 256
#define KIND_HUGE 1

/* mi_page_t */
#define SLICE_COUNT 0
#define SLICE_OFFSET 4
#define CAPACITY 10
#define RESERVED 12
#define PAGE_USED 24
#define BLOCK_SIZE 28
#define THREAD_FREE 40
#define HEAP 48
#define FLAGS_OF_THREAD_FREE 3ULL
/* xblock_size of what is too large for it */
#define BLOCK_SIZE_HUGE (2ULL << 30)

static uint64_t count_committed(const uint8_t *bytes)
{
	uint64_t bits = 0;

	for (unsigned int i = 0; i < MASK_WORDS; i++)
		bits += (unsigned int)__builtin_popcountll(word(bytes + COMMIT_MASK + 8 * i));
	return bits * SLICE;
}

bool segment_parse(const uint8_t *bytes, uint64_t address, struct segment *ret)
{
	uint64_t slices = word(bytes + SEGMENT_SLICES), info = word(bytes + INFO_SLICES), entries = word(bytes + ENTRIES);
	uint32_t kind = word32(bytes + KIND);

	if (address % SEGMENT_ALIGNMENT || !address || address >= ADDRESS_MAX || info != 1 || kind > KIND_HUGE || slices <= info ||
	    slices > BYTES_MAX / SLICE)
		return false;
	if (entries != (slices < SLICES_MAX ? slices : SLICES_MAX) || (kind != KIND_HUGE && slices != SLICES_MAX))
		return false;
	if (word(bytes + USED) > SLICES_MAX || word(bytes + ABANDONED) > word(bytes + USED))
		return false;
	*ret = (struct segment){
		.address = address,
		.bytes = slices * SLICE,
		.committed = kind == KIND_HUGE ? slices * SLICE : count_committed(bytes),
		.key = word(bytes + COOKIE) ^ address,
		.pages = word(bytes + USED),
		.thread_id = word(bytes + THREAD_ID),
		.info_slices = (unsigned int)info,
		.slices = (unsigned int)entries,
		.is_huge = kind == KIND_HUGE,
	};
	return true;
}

static bool is_sound(const struct page *page, uint32_t reserved)
{
	return page->used <= page->capacity && page->capacity <= reserved && page->block * reserved <= page->bytes;
}

bool page_parse(const struct segment *segment, unsigned int slice, const uint8_t *bytes, struct page *ret)
{
	uint32_t count = word32(bytes + SLICE_COUNT);
	struct page page = { .start = segment->address + slice * SLICE, .bytes = count * SLICE, .slices = count };

	if (!count || word32(bytes + SLICE_OFFSET) || page.start + page.bytes > segment->address + segment->bytes)
		return false;
	page.block = slice < segment->info_slices ? 0 : word32(bytes + BLOCK_SIZE);
	if (page.block >= BLOCK_SIZE_HUGE)
		page.block = page.bytes;
	if (page.block) {
		page.used = word32(bytes + PAGE_USED);
		page.capacity = word16(bytes + CAPACITY);
		page.freed = word(bytes + THREAD_FREE) & ~FLAGS_OF_THREAD_FREE;
		page.heap = word(bytes + HEAP);
	}
	if (!is_sound(&page, word16(bytes + RESERVED)) && page.block)
		return false;
	*ret = page;
	return true;
}
