/* SPDX-License-Identifier: GPL-2.0-only */
/* A made-up process: a libc's state, two arenas, in each layout. After tests/unit/helpers.h. */
#ifndef MEMGAP_TESTS_UNIT_HEAP_PROCESS_H
#define MEMGAP_TESTS_UNIT_HEAP_PROCESS_H

#include "tests/unit/heap_image.h"
#include "user/base/units.h"
#include "user/glibc/arenas.h"
#include "user/glibc/find.h"
#include "user/glibc/read.h"

/* Where things are: the libc's state, the main arena's memory, another arena's heaps, mappings of single chunks. */
#define LIBC 0x10000000ULL
#define MP (LIBC + 0x100)
#define MAIN_ARENA (LIBC + 0x400)
#define BRK 0x20000000ULL
#define BRK_SIZE (64 * PAGE)
#define HEAP 0x7f0000000000ULL
#define HEAP_SIZE (33 * PAGE)
#define MAPPED 0x7e0000000000ULL
#define MAPPED_SIZE (64 * PAGE)

/* What struct malloc_par of each range of versions has, as 64-bit words; from the headers of their sources. */
struct version {
	const char *name;
	unsigned int n_mmaps, mmapped_mem, sbrk_base, tcache_count, bins, heap_info;
	bool pays_outside;
};

static const struct version versions[] = {
	{ "2.31", 40, 56, 72, 96, 112, 32, false },
	{ "2.36", 60, 80, 96, 120, 112, 48, false },
	{ "2.44", 68, 88, 104, 128, 24, 48, true },
};

struct scene {
	const struct version *version;
	struct fake fake;
	struct place place;
	struct anonymous maps;
	struct range mappings[2];
	struct owned owned, before;
	struct heap_view view;
};

/* As the file has it. */
static inline void put_defaults(struct fake *fake, const struct version *version)
{
	for (int i = 0; i < 3; i++)
		fake_put(fake, MP + 8ULL * (unsigned int)i, 131072);
	fake_put(fake, MP + 24, 8);
	fake_put32(fake, MP + version->n_mmaps + 4, 65536);
	fake_put(fake, MP + version->sbrk_base + 8, 64);
	fake_put(fake, MP + version->tcache_count, 7);
}

static inline void put_arena(struct fake *fake, const struct version *version, uint64_t arena, uint64_t top, uint64_t system_mem)
{
	uint64_t bins = arena + version->bins;

	for (uint64_t i = 0; i < 254; i++)
		fake_put(fake, bins + 8 * i, bins + 8 * (i & ~1ULL) - 16);
	fake_put(fake, bins - 16, top);
	fake_put(fake, bins + 2048, MAIN_ARENA);
	fake_put(fake, bins + 2072, system_mem);
	fake_put(fake, bins + 2080, system_mem);
}

static inline uint64_t arena_of_heap(const struct version *version)
{
	return HEAP + version->heap_info;
}

/* Two blocks of 0x1000 and a free chunk of 4 pages and 0x30 in the main arena; one block of 0x100 in the other one. */
static inline void start(struct scene *scene, const struct version *version)
{
	struct fake *fake = &scene->fake;
	uint64_t at, arena = arena_of_heap(version), end_of_arena = (arena + version->bins + 2088 + 15) & ~15ULL;

	memset(scene, 0, sizeof(*scene));
	scene->version = version;
	fake_add(fake, LIBC, 2 * PAGE);
	fake_add(fake, BRK, BRK_SIZE);
	fake_add(fake, HEAP, HEAP_SIZE);
	fake_add(fake, MAPPED, MAPPED_SIZE);
	put_defaults(fake, version);
	assert_int_equal(find_mp(fake_at(fake, LIBC), 2 * PAGE, &scene->place.layout), MP - LIBC);
	scene->place.mp = MP;
	scene->place.main_arena = MAIN_ARENA;
	fake_put(fake, MP + version->sbrk_base, BRK);

	at = fake_chunk(fake, BRK, 0x1000, true);
	at = fake_free_chunk(fake, at, 4 * PAGE + 0x30);
	at = fake_chunk(fake, at, 0x1000, false);
	fake_chunk(fake, at, BRK + BRK_SIZE - at, true);
	put_arena(fake, version, MAIN_ARENA, at, BRK_SIZE);
	fake_put(fake, MAIN_ARENA + version->bins + 2048, arena);

	at = fake_chunk(fake, end_of_arena, 0x100, true);
	fake_chunk(fake, at, HEAP + HEAP_SIZE - at, true);
	put_arena(fake, version, arena, at, HEAP_SIZE);
	fake_put(fake, HEAP, arena);
	fake_put(fake, HEAP + 16, HEAP_SIZE);
	fake_put(fake, HEAP + 24, HEAP_SIZE);

	scene->mappings[0] = (struct range){ MAPPED, MAPPED + MAPPED_SIZE };
	scene->mappings[1] = (struct range){ HEAP, HEAP + HEAP_SIZE };
	scene->maps = (struct anonymous){ scene->mappings, 2, 2, BRK + BRK_SIZE };
}

static inline void end(struct scene *scene)
{
	owned_free(&scene->owned);
	fake_free(&scene->fake);
}

static inline int run(struct scene *scene)
{
	scene->owned.n = 0;
	return read_heap(&scene->fake.image, &scene->place, &scene->maps, &scene->before, &a_minute, &scene->owned,
			 &scene->view);
}

static inline void set_mmapped(struct scene *scene, uint32_t n, uint64_t bytes)
{
	fake_put32(&scene->fake, MP + scene->version->n_mmaps, n);
	fake_put(&scene->fake, MP + scene->version->mmapped_mem, bytes);
}

/* A chunk whose mapping has so many pages; the block is so far from its start. Returns what is usable of it. */
static inline uint64_t put_mmapped(struct scene *scene, uint64_t start, uint64_t pages, uint64_t offset)
{
	uint64_t size = pages * PAGE - offset - (scene->version->pays_outside ? 16 : 0);

	/* what it was before it was cut to be aligned stays where it was */
	fake_put(&scene->fake, start + 8, (size + offset) | IS_MMAPPED);
	fake_put(&scene->fake, start + offset, offset);
	fake_put(&scene->fake, start + offset + 8, size | IS_MMAPPED);
	return pages * PAGE - offset - 16 - (scene->version->pays_outside ? 8 : 0);
}

#endif
