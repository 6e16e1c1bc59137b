// SPDX-License-Identifier: GPL-2.0-only
#include "user/heap/mmapped.h"

#include <errno.h>

#include "user/heap/chunk.h"
#include "user/heap/word.h"

/* Pages that are looked at besides the first ones of mappings: 4 GiB with small pages. */
#define PAGES_MOST (1U << 20)
/* prev_size has it where a chunk is of huge pages (MMAP_HP, 2.43) */
#define IS_HUGE 1ULL

static bool parse_header(const struct window *window, bool pays_outside, const uint8_t *bytes, uint64_t start, uint64_t offset,
			 uint64_t end, struct mmapped_chunk *ret)
{
	uint64_t before = word(bytes), head = word(bytes + 8), total = chunk_size(head) + offset + (pays_outside ? CHUNK_HEADER : 0);

	if ((head & CHUNK_FLAGS) != IS_MMAPPED || (pays_outside ? before & ~IS_HUGE : before) != offset ||
	    total & (window->image->page_bytes - 1) || chunk_size(head) < CHUNK_HEADER || chunk_size(head) >= ADDRESS_MAX ||
	    total > end - start)
		return false;
	*ret = (struct mmapped_chunk){ start, total, chunk_size(head) - (pays_outside ? 8 : CHUNK_HEADER) };
	return true;
}

/*
 * A block that was to be aligned: its header is before the first multiple of its alignment that leaves room for a chunk
 * before it (_int_memalign(), _mid_memalign()).
 */
static int find_aligned(struct window *window, bool pays_outside, uint64_t start, uint64_t end, struct mmapped_chunk *ret)
{
	for (uint64_t alignment = 32; alignment < end - start; alignment *= 2) {
		uint64_t block = (start + CHUNK_HEADER + CHUNK_MIN + alignment - 1) & ~(alignment - 1), header = block - CHUNK_HEADER;
		const uint8_t *bytes;
		int result;

		if (header + CHUNK_MIN > end)
			break;
		result = window_get(window, header, CHUNK_HEADER, &bytes);
		if (result == -ENODATA)
			continue;
		if (result)
			return result;
		if (parse_header(window, pays_outside, bytes, start, header - start, end, ret))
			return 0;
	}
	return -ENOENT;
}

int mmapped_chunk_at(struct window *window, bool pays_outside, uint64_t start, uint64_t end, struct mmapped_chunk *ret)
{
	const uint8_t *bytes;
	int result = window_get(window, start, CHUNK_HEADER, &bytes);

	if (!result && parse_header(window, pays_outside, bytes, start, 0, end, ret))
		return 0;
	return result && result != -ENODATA ? result : -ENOENT;
}

bool mmapped_is_complete(const struct mmapped_search *search)
{
	return search->found_n == search->n && search->found_bytes == search->bytes;
}

static int look(struct window *window, const struct mmapped_search *search, uint64_t at, uint64_t end, bool aligned_too,
		struct mmapped_chunk *ret)
{
	int result = mmapped_chunk_at(window, search->pays_outside, at, end, ret);

	return result == -ENOENT && aligned_too ? find_aligned(window, search->pays_outside, at, end, ret) : result;
}

static int search_mapping(struct window *window, const struct range *range, bool every_page, struct mmapped_search *search)
{
	bool at_edge = true; /* a chunk ends here, or the mapping starts */

	for (uint64_t at = range->start; at < range->end && !mmapped_is_complete(search);) {
		uint64_t skipped = search->skip ? search->skip(search->data, at) : at;
		struct mmapped_chunk chunk;
		int result;

		if (skipped > at) {
			at = page_up(window->image, skipped);
			at_edge = true;
			continue;
		}
		result = look(window, search, at, range->end, every_page && at_edge, &chunk);
		if (result == -ENOENT) {
			if (!every_page || ++search->pages > PAGES_MOST)
				return 0;
			at += window->image->page_bytes;
			at_edge = false;
			continue;
		}
		result = result ? result : search->found(search->data, &chunk);
		if (result)
			return result;
		search->found_n++;
		search->found_bytes += chunk.bytes;
		at += chunk.bytes;
		at_edge = true;
	}
	return 0;
}

int mmapped_search(struct window *window, const struct anonymous *maps, bool every_page, struct mmapped_search *search)
{
	for (size_t i = 0; i < maps->n && !mmapped_is_complete(search); i++) {
		int result = search_mapping(window, &maps->list[i], every_page, search);

		if (result)
			return result;
	}
	return 0;
}
