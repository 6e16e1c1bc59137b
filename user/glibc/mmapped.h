/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chunks in mappings of their own. glibc keeps their number and sum, but no list: they are found among the anonymous mappings,
 * of which the kernel makes one where two touch.
 */
#ifndef MEMGAP_GLIBC_MMAPPED_H
#define MEMGAP_GLIBC_MMAPPED_H

#include <stdbool.h>
#include <stdint.h>

#include "user/memory/maps.h"
#include "user/memory/window.h"

struct mmapped_chunk {
	uint64_t start, bytes; /* of the mapping */
	uint64_t usable;       /* bytes of the block */
};

struct mmapped_search {
	bool pays_outside; /* layout.h */
	uint32_t n;     /* chunks that there are to be found, of so many bytes in all: then it is over */
	uint64_t bytes;
	/* where memory that is known to hold none that is to be found ends, when `at` is in it; else `at` */
	uint64_t (*skip)(void *data, uint64_t at);
	/* called for each; 0, or what ends the search */
	int (*found)(void *data, const struct mmapped_chunk *chunk);
	void *data;
	/* what was found */
	uint32_t found_n;
	uint64_t found_bytes;
	uint64_t first_load; /* of the window, in this search */
};

/* The chunk whose mapping starts there and may reach up to end: 0, -ENOENT, or as window_get(). */
int mmapped_chunk_at(struct window *window, bool pays_outside, uint64_t start, uint64_t end, struct mmapped_chunk *ret);

bool mmapped_is_complete(const struct mmapped_search *search);

/* One that is known from before, if it is still there: 0 or -errno. */
int mmapped_recall(struct window *window, const struct anonymous *maps, uint64_t start, struct mmapped_search *search);

/*
 * Looks at the start of each mapping, and on as long as one chunk follows another; then, every_page, wherever else one may
 * be. 0 or -errno as window_get(); that not all are found is no error.
 */
int mmapped_search(struct window *window, const struct anonymous *maps, bool every_page, struct mmapped_search *search);

#endif
