// SPDX-License-Identifier: GPL-2.0-only
#include "user/glibc/layout.h"

#include <string.h>

#include "user/memory/word.h"

#define BINS 127

static const struct layout layouts[] = {
	{ "2.27 to 2.34", .n_mmaps = 40, .mmapped_mem = 56, .sbrk_base = 72, .tcache_count = 96, .mp_bytes = 112, .bins = 112,
	  .heap_info = 32 },
	{ "2.35 to 2.42", .n_mmaps = 60, .mmapped_mem = 80, .sbrk_base = 96, .tcache_count = 120, .thp_pagesize = 40,
	  .mp_bytes = 136, .bins = 112, .heap_info = 48 },
	{ "2.43 and later", .n_mmaps = 68, .mmapped_mem = 88, .sbrk_base = 104, .tcache_count = 128, .thp_pagesize = 48,
	  .mp_bytes = 136, .bins = 24, .heap_info = 48, .pays_outside = true },
};

static bool has_defaults(const struct layout *layout, const uint8_t *mp)
{
	return !word32(mp + layout->n_mmaps) && word32(mp + layout->n_mmaps + 4) == 65536 /* DEFAULT_MMAP_MAX */ &&
	       !word32(mp + layout->n_mmaps + 8) && !word(mp + layout->mmapped_mem) && !word(mp + layout->sbrk_base) &&
	       word(mp + layout->sbrk_base + 8) == 64 /* TCACHE_MAX_BINS, TCACHE_SMALL_BINS */ &&
	       word(mp + layout->tcache_count) && word(mp + layout->tcache_count) <= UINT16_MAX;
}

const struct layout *layout_of_mp(const uint8_t *mp)
{
	/* trim_threshold, top_pad, mmap_threshold; arena_test: NARENAS_FROM_NCORES(1); arena_max */
	if (word(mp) != 131072 || word(mp + 8) != 131072 || word(mp + 16) != 131072 || word(mp + 24) != 8 || word(mp + 32))
		return NULL;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (has_defaults(&layouts[i], mp))
			return &layouts[i];
	return NULL;
}

static bool is_pointer(uint64_t word)
{
	return word && !(word & 15) && word < 1ULL << 56;
}

bool layout_is_arena(const struct layout *layout, uint64_t address, const uint8_t *bytes, bool *ret_used)
{
	const uint8_t *bins = bytes + layout->bins;

	for (unsigned int i = 0; i < BINS; i++) {
		uint64_t itself = address + layout->bins + 16 * i - 16, fd = word(bins + 16 * i), bk = word(bins + 16 * i + 8);

		/* the last bin is for chunks larger than any: NBINS - 1 */
		if (fd == itself && bk == itself)
			continue;
		if (i == BINS - 1 || !is_pointer(fd) || !is_pointer(bk) || fd == itself || bk == itself)
			return false;
	}
	/* else a bin of the arena was taken for one before it: top and last_remainder may look like a bin too */
	if (word(bins + 16 * BINS) == address + layout->bins + 16 * BINS - 16)
		return false;
	if (!is_pointer(word(bins + ARENA_NEXT)) && word(bins + ARENA_NEXT) != address)
		return false;
	*ret_used = word(bins + ARENA_SYSTEM_MEM);
	return word(bins + ARENA_SYSTEM_MEM) <= word(bins + ARENA_MAX_SYSTEM_MEM);
}
