/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where glibc keeps what of its allocator, on 64-bit machines: struct malloc_par and struct malloc_state in malloc/malloc.c,
 * struct _heap_info in malloc/arena.c. No symbol names them; their contents do.
 */
#ifndef MEMGAP_GLIBC_LAYOUT_H
#define MEMGAP_GLIBC_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Offsets in bytes. */
struct layout {
	const char *versions; /* of glibc, for people */
	/* in mp_, the struct malloc_par */
	uint16_t n_mmaps, mmapped_mem, sbrk_base, tcache_count;
	uint16_t thp_pagesize; /* 0: has none */
	uint16_t mp_bytes;     /* as far as it is read */
	uint16_t bins;         /* in struct malloc_state: from there on all are the same */
	uint16_t heap_info;    /* bytes of that struct */
	bool pays_outside;     /* an mmapped chunk's size is without the word that it cannot borrow from a neighbour (2.43) */
};

/* From bins on. */
#define ARENA_TOP (-16)
#define ARENA_BINS_BYTES (254 * 8)
#define ARENA_NEXT 2048
#define ARENA_SYSTEM_MEM 2072
#define ARENA_MAX_SYSTEM_MEM 2080
#define ARENA_END 2088
#define ARENA_BYTES_MAX (112 + ARENA_END)
/* from the start of the struct */
#define ARENA_FLAGS 4
#define ARENA_FASTBINS 16
#define N_FASTBINS 10
#define NONCONTIGUOUS 2U

/* Other arenas' heaps start at multiples of it: HEAP_MAX_SIZE. */
#define HEAP_ALIGNMENT (64ULL << 20)

/* What mp_ has at its start in the file, before any program changed it: its values by default. */
#define MP_BYTES_MAX 144

/* The layout that mp_ as it is in the file shows, NULL: it is not mp_. bytes: MP_BYTES_MAX of them. */
const struct layout *layout_of_mp(const uint8_t *mp);

/*
 * Whether the ARENA_BYTES_MAX bytes of an address may be an arena that is in use: each of its bins is empty, thus points to
 * itself, or has two aligned pointers. *ret_used: it has memory.
 */
bool layout_is_arena(const struct layout *layout, uint64_t address, const uint8_t *bytes, bool *ret_used);

static inline uint64_t arena_bytes(const struct layout *layout)
{
	return layout->bins + (uint64_t)ARENA_END;
}

#endif
