// SPDX-License-Identifier: GPL-2.0-only
#include "user/glibc/mmapped.h"

#include <errno.h>

#include "user/glibc/chunk.h"
#include "user/memory/word.h"

/* What is read at most of memory that shows no chunk at its start, in windows: 4 GiB; and mappings that are looked through. */
#define LOADS_MOST (1U << 16)
#define SEARCHED_MOST (64ULL << 30)
/* prev_size has it where a chunk is of huge pages (MMAP_HP, 2.43) */
#define IS_HUGE 1ULL

/* The header of a chunk `offset` into its mapping, which starts there and may reach up to end. */
static bool parse_header(const struct window *window, bool pays_outside, const uint8_t *bytes, uint64_t start, uint64_t offset,
			 uint64_t end, struct mmapped_chunk *ret)
{
	uint64_t before = word(bytes), head = word(bytes + 8), size = chunk_size(head), total;

	if ((head & CHUNK_FLAGS) != IS_MMAPPED || size < CHUNK_HEADER || size >= ADDRESS_MAX ||
	    (pays_outside ? before & ~IS_HUGE : before) != offset)
		return false;
	total = offset + size + (pays_outside ? CHUNK_HEADER : 0);
	if (total & (window->image->page_bytes - 1) || total > end - start)
		return false;
	*ret = (struct mmapped_chunk){ start, total, size - (pays_outside ? 8 : CHUNK_HEADER) };
	return true;
}

/*
 * The block was to be aligned: then the chunk was cut. Its header is before the first multiple of the alignment that leaves
 * room for a chunk before it (_int_memalign(), malloc/malloc.c); what is in front is as the kernel gave it, but for the header
 * of before.
 */
static int cut(struct window *window, bool pays_outside, struct mmapped_chunk *chunk)
{
	uint64_t end = chunk->start + chunk->bytes;

	for (uint64_t alignment = 32; alignment < chunk->bytes; alignment *= 2) {
		uint64_t block = (chunk->start + CHUNK_HEADER + CHUNK_MIN + alignment - 1) & ~(alignment - 1);
		uint64_t header = block - CHUNK_HEADER;
		struct mmapped_chunk found;
		const uint8_t *bytes;
		int result = header + CHUNK_MIN <= end ? window_get(window, header, CHUNK_HEADER, &bytes) : -ENODATA;

		if (result && result != -ENODATA)
			return result;
		if (!result && parse_header(window, pays_outside, bytes, chunk->start, header - chunk->start, end, &found) &&
		    found.bytes == chunk->bytes) {
			*chunk = found;
			return 0;
		}
	}
	return 0;
}

int mmapped_chunk_at(struct window *window, bool pays_outside, uint64_t start, uint64_t end, struct mmapped_chunk *ret)
{
	struct mmapped_chunk chunk;
	const uint8_t *bytes;
	int result = window_get(window, start, CHUNK_HEADER + 8, &bytes);

	if (result)
		return result == -ENODATA ? -ENOENT : result;
	if (!parse_header(window, pays_outside, bytes, start, 0, end, &chunk))
		return -ENOENT;
	if (!word(bytes + CHUNK_HEADER))
		result = cut(window, pays_outside, &chunk);
	if (!result)
		*ret = chunk;
	return result;
}

bool mmapped_is_complete(const struct mmapped_search *search)
{
	if (search->found_n != search->n)
		return false;
	/* there each mremap() of a chunk counts two words again (mremap_chunk()): the sum grows, and is never right again */
	return search->pays_outside ? search->found_bytes <= search->bytes : search->found_bytes == search->bytes;
}

static int add(struct mmapped_search *search, const struct mmapped_chunk *chunk)
{
	int result = search->found(search->data, chunk);

	if (result)
		return result;
	search->found_n++;
	search->found_bytes += chunk->bytes;
	return 0;
}

int mmapped_recall(struct window *window, const struct anonymous *maps, uint64_t start, struct mmapped_search *search)
{
	size_t low = 0, high = maps->n;
	struct mmapped_chunk chunk;
	int result;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (maps->list[middle].end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == maps->n || maps->list[low].start > start || mmapped_is_complete(search))
		return 0;
	result = mmapped_chunk_at(window, search->pays_outside, start, maps->list[low].end, &chunk);
	if (result)
		return result == -ENOENT ? 0 : result;
	return add(search, &chunk);
}

static int search_mapping(struct window *window, const struct range *range, bool every_page, struct mmapped_search *search)
{
	for (uint64_t at = range->start; at < range->end && !mmapped_is_complete(search);) {
		uint64_t skipped = search->skip ? search->skip(search->data, at) : at;
		struct mmapped_chunk chunk;
		int result;

		if (skipped > at) {
			at = page_up(window->image, skipped);
			continue;
		}
		result = mmapped_chunk_at(window, search->pays_outside, at, range->end, &chunk);
		if (result == -ENOENT) {
			if (!every_page || window->loads - search->first_load > LOADS_MOST)
				return 0;
			at += window->image->page_bytes;
			continue;
		}
		result = result ? result : add(search, &chunk);
		if (result)
			return result;
		at = chunk.start + chunk.bytes;
	}
	return 0;
}

int mmapped_search(struct window *window, const struct anonymous *maps, bool every_page, struct mmapped_search *search)
{
	search->first_load = window->loads;
	for (size_t i = 0; i < maps->n && !mmapped_is_complete(search); i++) {
		const struct range *range = &maps->list[i];
		int result = 0;

		/* no allocator's chunks are in reservations of such a size: they do not become one with what they touch */
		if (!every_page || range->end - range->start <= SEARCHED_MOST)
			result = search_mapping(window, range, every_page, search);
		if (result)
			return result;
	}
	return 0;
}
