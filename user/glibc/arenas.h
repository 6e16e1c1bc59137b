/* SPDX-License-Identifier: GPL-2.0-only */
/* The arenas of a process and the memory of each. */
#ifndef MEMGAP_GLIBC_ARENAS_H
#define MEMGAP_GLIBC_ARENAS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/glibc/find.h"
#include "user/glibc/layout.h"
#include "user/memory/image.h"

/* More than glibc makes: 8 a CPU by default (arena_max); a ring must end. */
#define ARENAS_MAX 65536

/* Of mp_. */
struct parameters {
	uint32_t n_mmaps;
	uint64_t mmapped_mem, sbrk_base, tcache_count, thp_pagesize;
};

int parameters_read(const struct image *image, const struct place *place, struct parameters *ret);

struct arena {
	uint64_t address;
	uint64_t top, next, system_mem;
	uint64_t fastbins[N_FASTBINS]; /* heads; 0 where there are none */
	bool contiguous;
};

/* -EAGAIN when it is no sound one at this moment; -EFAULT, -ESRCH. */
int arena_read(const struct image *image, const struct layout *layout, uint64_t address, struct arena *ret);

/* A heap of an arena that is not the main one: struct _heap_info, malloc/arena.c. */
struct heap_part {
	uint64_t address, prev; /* prev: the one before, 0 */
	uint64_t size;          /* bytes from its address on that are in use */
	uint64_t first_chunk;
};

/* The part that an address is in; -EAGAIN when the arena has none there at this moment. */
int heap_part_read(const struct image *image, const struct layout *layout, uint64_t arena, uint64_t address,
		   struct heap_part *ret);

#endif
