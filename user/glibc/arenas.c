// SPDX-License-Identifier: GPL-2.0-only
#include "user/glibc/arenas.h"

#include <errno.h>

#include "user/glibc/chunk.h"
#include "user/memory/word.h"

int parameters_read(const struct image *image, const struct place *place, struct parameters *ret)
{
	const struct layout *layout = place->layout;
	uint8_t bytes[MP_BYTES_MAX];
	int result = image_get(image, place->mp, bytes, layout->mp_bytes);

	if (result)
		return result;
	ret->n_mmaps = word32(bytes + layout->n_mmaps);
	ret->mmapped_mem = word(bytes + layout->mmapped_mem);
	ret->sbrk_base = word(bytes + layout->sbrk_base);
	ret->tcache_count = word(bytes + layout->tcache_count);
	ret->thp_pagesize = layout->thp_pagesize ? word(bytes + layout->thp_pagesize) : 0;
	return 0;
}

int arena_read(const struct image *image, const struct layout *layout, uint64_t address, struct arena *ret)
{
	uint8_t bytes[ARENA_BYTES_MAX];
	const uint8_t *bins = bytes + layout->bins;
	struct arena arena = { .address = address };
	int result = image_get(image, address, bytes, arena_bytes(layout));

	if (result)
		return result;
	arena.top = word(bins + ARENA_TOP);
	arena.next = word(bins + ARENA_NEXT);
	arena.system_mem = word(bins + ARENA_SYSTEM_MEM);
	arena.contiguous = !(word32(bytes + ARENA_FLAGS) & NONCONTIGUOUS);
	for (int i = 0; layout->bins >= ARENA_FASTBINS + 8 * N_FASTBINS && i < N_FASTBINS; i++)
		arena.fastbins[i] = word(bytes + ARENA_FASTBINS + 8 * i);
	if (arena.top & 7 || arena.top >= ADDRESS_MAX || arena.next & 15 || arena.next >= ADDRESS_MAX ||
	    arena.system_mem >= ADDRESS_MAX || arena.system_mem > word(bins + ARENA_MAX_SYSTEM_MEM))
		return -EAGAIN;
	*ret = arena;
	return 0;
}

int heap_part_read(const struct image *image, const struct layout *layout, uint64_t arena, uint64_t address,
		   struct heap_part *ret)
{
	struct heap_part part = { .address = address & ~(HEAP_ALIGNMENT - 1) };
	uint8_t bytes[32]; /* ar_ptr, prev, size, mprotect_size */
	int result = image_get(image, part.address, bytes, sizeof(bytes));

	if (result)
		return result;
	part.prev = word(bytes + 8);
	part.size = word(bytes + 16);
	if (word(bytes) != arena || part.size < CHUNK_MIN + layout->heap_info || part.size > HEAP_ALIGNMENT ||
	    part.size & (image->page_bytes - 1) || part.prev & (HEAP_ALIGNMENT - 1) || part.prev >= ADDRESS_MAX)
		return -EAGAIN;
	part.first_chunk = part.address + layout->heap_info;
	if (part.first_chunk == arena) /* the arena itself is in its first one */
		part.first_chunk = (arena + arena_bytes(layout) + 15) & ~15ULL;
	*ret = part;
	return 0;
}
