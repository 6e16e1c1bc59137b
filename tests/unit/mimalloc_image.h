/* SPDX-License-Identifier: GPL-2.0-only */
/* A made-up process with mimalloc 2.0.9: two segments, a heap, a segment of one large block. After helpers.h. */
#ifndef MEMGAP_TESTS_UNIT_MIMALLOC_IMAGE_H
#define MEMGAP_TESTS_UNIT_MIMALLOC_IMAGE_H

#include "tests/unit/heap_image.h"
#include "user/base/units.h"
#include "user/memory/maps.h"
#include "user/mimalloc/read.h"
#include "user/mimalloc/segment.h"

#define MIB (1ULL << 20)
#define FIRST (0x300ULL << 32)
#define SECOND (FIRST + 32 * MIB)
#define LARGE (FIRST + 64 * MIB)
#define LARGE_SLICES 1000ULL
#define HEAP 0x20000000ULL
#define KEY 0x123456789abcdef1ULL
#define THERE (8 * SLICE) /* of a segment, in this test */

struct scene {
	struct fake fake;
	struct range mappings[2];
	struct anonymous maps;
	struct owned owned;
	struct heap_view view;
};

static inline void put_segment(struct fake *fake, uint64_t segment, uint64_t slices, uint64_t pages, bool is_huge)
{
	for (int i = 0; i < 8; i++)
		fake_put(fake, segment + 112 + 8ULL * (unsigned int)i, i ? 0 : 0xff);
	fake_put(fake, segment + 208, pages);
	fake_put(fake, segment + 216, KEY ^ segment);
	fake_put(fake, segment + 224, slices);
	fake_put(fake, segment + 232, 1);
	fake_put32(fake, segment + 240, is_huge);
	fake_put(fake, segment + 248, slices < 512 ? slices : 512);
	fake_put(fake, segment + 256, 0x7f0000000740);
}

/* block 0: slices that are free */
static inline void put_page(struct fake *fake, uint64_t segment, unsigned int slice, uint32_t slices, uint32_t block, uint32_t used,
		     uint16_t capacity)
{
	uint64_t at = segment + 264 + 80 * slice;

	fake_put32(fake, at, slices);
	fake_put16(fake, at + 10, capacity);
	fake_put16(fake, at + 12, capacity);
	fake_put32(fake, at + 24, used);
	fake_put32(fake, at + 28, block);
	fake_put(fake, at + 48, block ? HEAP : 0);
}

static inline void set_freed(struct fake *fake, uint64_t segment, unsigned int slice, uint64_t block)
{
	fake_put(fake, segment + 264 + 80 * slice + 40, block ? block | 2 : 0);
}

/* 100 blocks of 64 bytes, 5 of 20480; in the other segment, 1 of 200000; one of 999 slices. */
#define ALL (100 * 64 + 5 * 20480 + 200000 + (LARGE_SLICES - 1) * SLICE)

static inline void start(struct scene *scene)
{
	struct fake *fake = &scene->fake;

	memset(scene, 0, sizeof(*scene));
	fake_add(fake, FIRST, THERE);
	fake_add(fake, SECOND, THERE);
	fake_add(fake, LARGE, THERE);
	fake_add(fake, HEAP, PAGE);
	put_segment(fake, FIRST, 512, 3, false);
	put_page(fake, FIRST, 0, 1, 0, 0, 0);
	put_page(fake, FIRST, 1, 1, 64, 100, 1000);
	put_page(fake, FIRST, 2, 3, 20480, 5, 9);
	put_page(fake, FIRST, 5, 1, 32, 0, 100);
	put_page(fake, FIRST, 6, 506, 0, 0, 0);
	put_segment(fake, SECOND, 512, 1, false);
	put_page(fake, SECOND, 0, 1, 0, 0, 0);
	put_page(fake, SECOND, 1, 4, 200000, 1, 1);
	put_page(fake, SECOND, 5, 507, 0, 0, 0);
	put_segment(fake, LARGE, LARGE_SLICES, 1, true);
	put_page(fake, LARGE, 0, 1, 0, 0, 0);
	put_page(fake, LARGE, 1, LARGE_SLICES - 1, (LARGE_SLICES - 1) * SLICE, 1, 1);
	scene->mappings[0] = (struct range){ HEAP, HEAP + PAGE };
	scene->mappings[1] = (struct range){ FIRST, LARGE + LARGE_SLICES * SLICE };
	scene->maps = (struct anonymous){ scene->mappings, 2, 2, 0 };
}

static inline void end(struct scene *scene)
{
	owned_free(&scene->owned);
	fake_free(&scene->fake);
}

static inline int run_for(struct scene *scene, uint64_t ns)
{
	return read_mimalloc(&scene->fake.image, &scene->maps, KEY, &(struct heap_budget){ .most_ns = ns }, &scene->owned, &scene->view);
}

static inline int run(struct scene *scene)
{
	return run_for(scene, 10 * A_MINUTE); /* valgrind takes its time */
}

/* 3 small blocks, a medium and a large one that other threads have freed. */
static inline void put_freed_lists(struct scene *scene)
{
	uint64_t small = FIRST + SLICE + 128, medium = FIRST + 2 * SLICE;
	struct fake *fake = &scene->fake;

	set_freed(fake, FIRST, 1, small + 640);
	fake_put(fake, small + 640, small);
	fake_put(fake, small, small + 64);
	fake_put(fake, HEAP + 2840, medium + 20480);
	fake_put(fake, medium + 20480, SECOND + SLICE);
}

#endif
