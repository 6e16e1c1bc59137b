// SPDX-License-Identifier: GPL-2.0-only
#include "user/mimalloc/read.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/memory/addresses.h"
#include "user/memory/window.h"
#include "user/memory/word.h"
#include "user/mimalloc/segment.h"

/* Contradictions of a whole walk, of one segment or list. */
#define RETRIES 4000
#define TRIES 40
/* No segments are in reservations of such a size. */
#define RANGE_MAX (64ULL << 30)
/* Bytes of all that there is. */
#define SUM_MAX (1ULL << 56)
/* Blocks in one heap's list: more are followed in no reading. */
#define DELAYED_MAX (1U << 22)

struct tally {
	uint64_t blocks; /* bytes of those that are handed out */
	uint64_t free, pinned; /* resident bytes: in no block that is handed out, and of them in pages that have one */
	size_t pages;
};

/* A page with blocks. */
struct found {
	uint64_t start, bytes, block;
};

struct reader {
	const struct image *image;
	const struct anonymous *maps;
	uint64_t key;
	bool has_key;
	unsigned int retries;
	struct addresses heaps;
	struct owned *owned;
	struct found *found; /* by address, as segments are */
	size_t n, room;
	struct tally tally;
	uint64_t committed, alone; /* bytes of segments, of those with one block */
	struct residency sum;
	struct window window, blocks; /* on headers; on blocks that other threads have freed */
};

static int wait_for_retry(struct reader *reader, unsigned int tries)
{
	if (!reader->retries)
		return -EAGAIN;
	reader->retries--;
	if (monotonic_ns() > reader->window.pace.deadline)
		return -ETIME;
	image_pause(reader->image, tries);
	window_forget(&reader->window);
	window_forget(&reader->blocks);
	return 0;
}

/* -ENODATA: there is none. */
static int get_segment(struct reader *reader, uint64_t address, struct segment *ret)
{
	const uint8_t *bytes;
	int result = window_get(&reader->window, address, SEGMENT_HEADER, &bytes);

	if (result)
		return result;
	return segment_parse(bytes, address, ret) ? 0 : -ENODATA;
}

static int get_page(struct reader *reader, const struct segment *segment, unsigned int slice, struct page *ret)
{
	const uint8_t *bytes;
	int result = window_get(&reader->window, slice_address(segment->address, slice), SLICE_BYTES, &bytes);

	if (result)
		return result == -ENODATA ? -EAGAIN : result;
	return page_parse(segment, slice, bytes, ret) ? 0 : -EAGAIN;
}

/*
 * The word that a freed block begins with, the next one's address. What is swapped out comes back through the window alone, which
 * counts it; else the page is there, since it was written to.
 */
static int get_next(struct reader *reader, bool is_swapped, uint64_t *block)
{
	const uint8_t *bytes;
	int result;

	if (!is_swapped) {
		result = image_get(reader->image, *block, block, sizeof(*block));
		return result == -EFAULT ? -EAGAIN : result;
	}
	result = window_get(&reader->blocks, *block, sizeof(*block), &bytes);
	if (!result)
		*block = word(bytes);
	return result == -ENODATA ? -EAGAIN : result;
}

/* Blocks of a page that other threads have freed. */
static int count_freed(struct reader *reader, const struct page *page, bool is_swapped, uint64_t *ret)
{
	uint64_t block = page->freed, n = 0;

	for (; block; n++) {
		int result = -EAGAIN;

		if (n % 1024 == 1023 && monotonic_ns() > reader->window.pace.deadline)
			return -ETIME;
		if (n < page->used && block >= page->start && block - page->start < page->bytes)
			result = get_next(reader, is_swapped, &block);
		if (result)
			return result;
	}
	*ret = n;
	return 0;
}

static int remember(struct reader *reader, const struct page *page)
{
	if (reader->n == reader->room) {
		size_t room = reader->room ? 2 * reader->room : 1024;
		struct found *found = realloc(reader->found, room * sizeof(*found));

		if (!found)
			return -ENOMEM;
		reader->found = found;
		reader->room = room;
	}
	reader->found[reader->n++] = (struct found){ page->start, page->bytes, page->block };
	return 0;
}

static int add_page(struct reader *reader, const struct page *page, struct tally *tally)
{
	struct residency residency;
	uint64_t freed = 0, used;
	int result = window_count(&reader->window, page->start, page->start + page->bytes, &residency);

	if (!result && page->used)
		result = count_freed(reader, page, residency.swapped, &freed);
	if (!result && page->used && page->heap)
		result = addresses_add(&reader->heaps, page->heap);
	if (!result && page->block)
		result = remember(reader, page);
	if (result)
		return result;
	used = (page->used - freed) * page->block;
	tally->blocks += used;
	tally->pages += page->block != 0;
	/* what is handed out counts as touched, but for a page's only block */
	if (!used)
		tally->free += residency.resident;
	else if (page->capacity > 1 && residency.resident > used)
		tally->pinned += residency.resident - used;
	return 0;
}

static int read_pages(struct reader *reader, const struct segment *segment, struct tally *tally)
{
	unsigned int slice = 0;

	while (slice < segment->slices) {
		struct page page;
		int result = get_page(reader, segment, slice, &page);

		if (!result && slice >= segment->info_slices)
			result = add_page(reader, &page, tally);
		if (result)
			return result;
		slice += page.slices;
	}
	return (segment->is_huge || slice == segment->slices) && tally->pages == segment->pages ? 0 : -EAGAIN;
}

static int try_segment(struct reader *reader, uint64_t address, size_t before, struct segment *ret, struct tally *ret_tally)
{
	int result = get_segment(reader, address, ret);

	reader->n = before;
	*ret_tally = (struct tally){ 0 };
	if (result)
		return result;
	if (ret->key != reader->key)
		return -EAGAIN;
	return ret->pages ? read_pages(reader, ret, ret_tally) : 0;
}

/* Whether there is one is known from the first look on: *ret_bytes is 0 where there is none. */
static int read_segment(struct reader *reader, uint64_t address, uint64_t *ret_bytes)
{
	struct residency residency;
	struct segment segment;
	struct tally tally;
	size_t before = reader->n;
	int result = try_segment(reader, address, before, &segment, &tally);

	*ret_bytes = 0;
	for (unsigned int i = 0; i < TRIES && result == -EAGAIN; i++) {
		result = wait_for_retry(reader, i);
		if (!result)
			result = try_segment(reader, address, before, &segment, &tally);
	}
	if (!result)
		result = window_count(&reader->window, address, address + segment.bytes, &residency);
	if (result)
		return result == -ENODATA ? 0 : result;
	reader->sum.resident += residency.resident;
	reader->sum.swapped += residency.swapped;
	reader->committed += segment.committed;
	if (segment.is_huge)
		reader->alone += segment.bytes;
	reader->tally.blocks += tally.blocks;
	reader->tally.free += segment.pages ? tally.free + tally.pinned : residency.resident;
	reader->tally.pinned += tally.pinned;
	*ret_bytes = segment.bytes;
	if (reader->committed > SUM_MAX)
		return -EAGAIN;
	return owned_append(reader->owned, address, address + segment.bytes, residency.resident);
}

/* Calls it for each multiple of a segment's alignment in the mappings that is in no segment before it. */
static int for_all_places(struct reader *reader, int (*look)(struct reader *reader, uint64_t address, uint64_t *ret_bytes))
{
	uint64_t next = 0;

	for (size_t i = 0; i < reader->maps->n; i++) {
		const struct range *range = &reader->maps->list[i];
		uint64_t start = range->start > next ? range->start : next;
		uint64_t at = (start + SEGMENT_ALIGNMENT - 1) & ~(SEGMENT_ALIGNMENT - 1);

		if (range->end - range->start > RANGE_MAX)
			continue;
		while (at >= start && at < range->end) {
			uint64_t bytes;
			int result = look(reader, at, &bytes);

			if (result)
				return result;
			next = at + (bytes ? bytes : SEGMENT_ALIGNMENT);
			at = (next + SEGMENT_ALIGNMENT - 1) & ~(SEGMENT_ALIGNMENT - 1);
		}
	}
	return 0;
}

static int get_block_size(const struct reader *reader, uint64_t block, uint64_t *ret)
{
	size_t low = 0, high = reader->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (reader->found[middle].start + reader->found[middle].bytes <= block)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == reader->n || reader->found[low].start > block)
		return -EAGAIN;
	*ret = reader->found[low].block;
	return 0;
}

/* Blocks of pages that were full when other threads freed them are in a list of the page's heap. */
static int sum_delayed(struct reader *reader, uint64_t heap, uint64_t *ret)
{
	uint64_t block, sum = 0;
	int result = image_get(reader->image, heap + HEAP_DELAYED, &block, sizeof(block));

	for (unsigned int n = 0; !result && block; n++) {
		uint64_t size = 0;

		if (n % 1024 == 1023 && monotonic_ns() > reader->window.pace.deadline)
			return -ETIME;
		result = n < DELAYED_MAX ? get_block_size(reader, block, &size) : -EAGAIN;
		if (!result)
			result = get_next(reader, reader->sum.swapped, &block);
		sum += size;
	}
	if (!result)
		*ret = sum;
	return result == -EFAULT ? -EAGAIN : result;
}

static int read_delayed(struct reader *reader)
{
	int result = 0;

	addresses_sort(&reader->heaps);
	for (size_t i = 0; i < reader->heaps.n && !result; i++) {
		uint64_t sum = 0;

		result = sum_delayed(reader, reader->heaps.list[i], &sum);
		for (unsigned int tries = 0; tries < TRIES && result == -EAGAIN; tries++) {
			result = wait_for_retry(reader, tries);
			if (!result)
				result = sum_delayed(reader, reader->heaps.list[i], &sum);
		}
		reader->tally.blocks -= sum < reader->tally.blocks ? sum : reader->tally.blocks;
	}
	return result;
}

static int look_for_key(struct reader *reader, uint64_t address, uint64_t *ret_bytes)
{
	struct segment segment;
	int result = get_segment(reader, address, &segment);

	*ret_bytes = 0;
	if (result)
		return result == -ENODATA ? 0 : result;
	if (reader->has_key && segment.key != reader->key)
		return -EPROTO;
	reader->key = segment.key;
	reader->has_key = true;
	*ret_bytes = segment.bytes;
	return 0;
}

static struct reader *make_reader(const struct image *image, const struct anonymous *maps, const struct heap_budget *budget)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->image = image;
	reader->maps = maps;
	reader->retries = RETRIES;
	window_init(&reader->window, image, budget);
	window_init(&reader->blocks, image, budget);
	return reader;
}

int find_key(const struct image *image, const struct anonymous *maps, const struct heap_budget *budget, uint64_t *ret)
{
	struct reader *reader = make_reader(image, maps, budget);
	int result = reader ? for_all_places(reader, look_for_key) : -ENOMEM;

	if (!result && !reader->has_key)
		result = -ENOENT;
	if (!result)
		*ret = reader->key;
	free(reader);
	return result;
}

static void fill(const struct reader *reader, struct heap_view *ret)
{
	const struct tally *tally = &reader->tally;

	*ret = (struct heap_view){
		.unused = UNKNOWN,
		.alloc = (int64_t)tally->blocks,
		.sys = (int64_t)reader->committed,
		.mmapped = (int64_t)reader->alone,
		.resident = (int64_t)reader->sum.resident,
		.resident_free = (int64_t)tally->free,
		.trimmable = UNKNOWN,
		.pinned = (int64_t)tally->pinned,
		.swapped = (int64_t)reader->sum.swapped,
		.arenas = (uint32_t)reader->heaps.n,
	};
}

int read_mimalloc(const struct image *image, const struct anonymous *maps, uint64_t key, const struct heap_budget *budget,
		  struct owned *ret_owned, struct heap_view *ret)
{
	struct reader *reader = make_reader(image, maps, budget);
	int result;

	if (!reader)
		return -ENOMEM;
	reader->key = key;
	reader->owned = ret_owned;
	ret_owned->n = 0;
	result = for_all_places(reader, read_segment);
	if (!result)
		result = read_delayed(reader);
	if (!result)
		fill(reader, ret);
	free(reader->found);
	addresses_free(&reader->heaps);
	free(reader);
	return result;
}
