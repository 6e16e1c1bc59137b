// SPDX-License-Identifier: GPL-2.0-only
#include "user/glibc/tcache.h"

#include "user/glibc/chunk.h"
#include "user/memory/word.h"

#define SMALL_BINS 64
#define SLOT_BINS 76
#define COUNTS_BYTES (SMALL_BINS * (2 + 8))
/* chunks of one range of large sizes that are followed, 16 as a rule */
#define MOST_LARGE 1024
/* the largest that a cache may be told to hold, and some */
#define LARGE_MAX (8U << 20)

enum tcache_kind tcache_kind_of(uint64_t size, size_t *ret_bytes)
{
	switch (size) {
	case 0x290: /* request2size(640) */
	case 0x2a0:
		*ret_bytes = COUNTS_BYTES;
		return TCACHE_COUNTS;
	case 0x300: /* request2size(760) */
	case 0x310:
		*ret_bytes = TCACHE_BYTES_MAX;
		return TCACHE_SLOTS;
	default:
		return TCACHE_NONE;
	}
}

struct bin {
	uint64_t n, entry; /* chunks, the first one's block */
};

static bool get_bin(enum tcache_kind kind, const uint8_t *bytes, unsigned int i, uint64_t tcache_count, struct bin *ret)
{
	unsigned int bins = kind == TCACHE_COUNTS ? SMALL_BINS : SLOT_BINS;
	uint64_t n = word16(bytes + 2 * i);

	if (n > tcache_count)
		return false;
	ret->n = kind == TCACHE_COUNTS ? n : tcache_count - n;
	ret->entry = word(bytes + 2 * bins + 8 * i);
	return !ret->n == !ret->entry && !(ret->entry & 15) && ret->entry < ADDRESS_MAX;
}

static uint64_t size_of(const struct image *image, uint64_t block)
{
	uint8_t bytes[8];

	return image_get(image, block - 8, bytes, sizeof(bytes)) ? 0 : chunk_size(word(bytes));
}

static uint64_t count_resident(const struct image *image, uint64_t chunk, uint64_t size)
{
	uint64_t sum = 0, end = chunk + size;
	uint8_t states[64];

	if (size > LARGE_MAX)
		return 0;
	for (uint64_t at = chunk; at < end;) {
		uint64_t page = page_down(image, at);

		if (image->pages(image->data, page, sizeof(states), states))
			return sum;
		for (size_t i = 0; i < sizeof(states) && at < end; i++) {
			uint64_t next = page + (i + 1) * image->page_bytes;

			sum += states[i] == PAGE_RESIDENT ? (next < end ? next : end) - at : 0;
			at = next;
		}
	}
	return sum;
}

/* Chunks of several sizes; their links are XORed, the first one's place is not. */
static void add_large(const struct image *image, const struct bin *bin, struct tcache_sum *sum)
{
	uint64_t block = bin->entry;

	for (uint64_t i = 0; i < bin->n && i < MOST_LARGE && block && !(block & 15) && block < ADDRESS_MAX; i++) {
		uint8_t bytes[16];

		if (image_get(image, block - 8, bytes, sizeof(bytes)))
			return;
		sum->blocks++;
		sum->bytes += chunk_size(word(bytes));
		sum->resident += count_resident(image, block - CHUNK_HEADER, chunk_size(word(bytes)));
		block = word(bytes + 8) ^ block >> 12;
	}
}

bool tcache_read(const struct image *image, enum tcache_kind kind, const uint8_t *bytes, uint64_t tcache_count,
		 struct tcache_sum *ret)
{
	unsigned int bins = kind == TCACHE_COUNTS ? SMALL_BINS : SLOT_BINS, used = 0, right = 0;
	struct tcache_sum sum = { 0 };
	struct bin bin;

	if (!tcache_count)
		return false; /* they are switched off */
	for (unsigned int i = 0; i < bins; i++)
		if (!get_bin(kind, bytes, i, tcache_count, &bin))
			return false;
	for (unsigned int i = 0; i < bins; i++) {
		uint64_t size = CHUNK_MIN + 16 * i;

		get_bin(kind, bytes, i, tcache_count, &bin);
		if (!bin.n)
			continue;
		used++;
		if (i >= SMALL_BINS) {
			add_large(image, &bin, &sum);
			right++;
			continue;
		}
		right += size_of(image, bin.entry) == size;
		sum.blocks += bin.n;
		sum.bytes += bin.n * size;
		sum.resident += bin.n * size;
	}
	/* its thread may be taking some out at this moment */
	if (4 * right < 3 * used || (!used && kind == TCACHE_COUNTS))
		return false;
	*ret = sum;
	return true;
}
