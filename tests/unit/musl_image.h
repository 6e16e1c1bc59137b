/* SPDX-License-Identifier: GPL-2.0-only */
/* A made-up process with musl's allocator: its state, a page of meta data, groups of each kind. After helpers.h. */
#ifndef MEMGAP_TESTS_UNIT_MUSL_IMAGE_H
#define MEMGAP_TESTS_UNIT_MUSL_IMAGE_H

#include "tests/unit/heap_image.h"
#include "user/memory/maps.h"
#include "user/musl/find.h"
#include "user/musl/group.h"
#include "user/musl/read.h"

#define LIBC 0x10000000ULL
#define CONTEXT (LIBC + 0x230)
#define GIVEN (LIBC + 0x800)
#define AREA 0x20000000ULL
#define SECRET 0x1122334455667788ULL
#define MAPPED 0x7f0000000000ULL
#define MAPPED_PAGES 1024ULL
#define PARENT MAPPED
#define LARGE (MAPPED + 16 * PAGE)

/* Slots of size_classes[]: its number, bytes. */
#define CLASS_48 2
#define CLASS_96 5
#define CLASS_496 15
#define CLASS_LARGE 63

struct scene {
	struct fake fake;
	struct context context;
	uint64_t page_size_bytes; /* 8 where the context has the page size */
	uint64_t expected;        /* alloc */
	unsigned int metas;
	struct owned owned;
	struct heap_view view;
};

static inline uint64_t meta_address(unsigned int i)
{
	return AREA + 24 + 40ULL * i;
}

static inline void put_masks(struct fake *fake, uint64_t meta, uint32_t available, uint32_t freed)
{
	fake_put32(fake, meta + 24, available);
	fake_put32(fake, meta + 28, freed);
}

/* Its slots are all in use. */
static inline uint64_t put_meta(struct scene *scene, uint64_t group, unsigned int slots, unsigned int size_class, uint64_t pages,
				bool is_given)
{
	uint64_t meta = meta_address(scene->metas++);

	fake_put(&scene->fake, meta + 16, group);
	put_masks(&scene->fake, meta, 0, 0);
	fake_put(&scene->fake, meta + 32, (slots - 1) | (is_given ? 0 : 32) | size_class << 6 | pages << 12);
	fake_put(&scene->fake, group, meta);
	return meta;
}

/* As enframe() does it: the block is so many units into its slot. */
static inline void put_slot(struct fake *fake, uint64_t group, uint64_t stride, unsigned int index, uint64_t moved,
			    uint64_t size)
{
	uint64_t start = group + 16 + stride * index, end = start + stride - 4, block = start + 16 * moved;
	uint64_t reserved = end - block - size;

	if (moved) {
		fake_put16(fake, start - 2, (uint16_t)moved);
		fake_put8(fake, start - 3, 7 << 5);
	}
	fake_put8(fake, block - 4, 0);
	fake_put16(fake, block - 2, (uint16_t)((block - group - 16) / 16));
	if (reserved >= 5)
		fake_put32(fake, end - 4, (uint32_t)reserved);
	fake_put8(fake, block - 3, (uint8_t)(index | (reserved < 5 ? reserved : 5) << 5));
}

static inline void put_block(struct scene *scene, uint64_t group, uint64_t stride, unsigned int index, uint64_t moved,
			     uint64_t size)
{
	put_slot(&scene->fake, group, stride, index, moved, size);
	scene->expected += size;
}

static inline void put_area(struct scene *scene, uint64_t area, uint64_t next)
{
	fake_put(&scene->fake, area, SECRET);
	fake_put(&scene->fake, area + 8, next);
	fake_put32(&scene->fake, area + 16, 101);
}

static inline void put_context(struct scene *scene, uint64_t last_area, unsigned int used)
{
	uint64_t at = CONTEXT + scene->page_size_bytes;

	fake_put(&scene->fake, CONTEXT, SECRET);
	if (scene->page_size_bytes)
		fake_put(&scene->fake, CONTEXT + 8, PAGE);
	fake_put32(&scene->fake, at + 8, 1);
	fake_put(&scene->fake, at + 24, last_area + 24 + 40ULL * used);
	fake_put(&scene->fake, at + 32, 101 - used);
	fake_put(&scene->fake, at + 56, AREA);
	fake_put(&scene->fake, at + 64, last_area);
	fake_put(&scene->fake, at + 80 + 8 * CLASS_496, meta_address(0));
}

/*
 * A mapping of 8 slots, of which 0 has a group of 9 slots in it, 5 is freed, 6 available; a large block; one in what the
 * loader gave.
 */
static inline void start(struct scene *scene, bool has_page_size)
{
	struct fake *fake = &scene->fake;
	uint64_t inner = PARENT + 16, parent_meta;

	memset(scene, 0, sizeof(*scene));
	scene->page_size_bytes = has_page_size ? 8 : 0;
	fake_add(fake, LIBC, PAGE);
	fake_add(fake, AREA, 2 * PAGE);
	fake_add(fake, MAPPED, MAPPED_PAGES * PAGE);
	put_area(scene, AREA, 0);

	parent_meta = put_meta(scene, PARENT, 8, CLASS_496, 1, false);
	put_masks(fake, parent_meta, 1 << 6, 1 << 5);
	put_slot(fake, PARENT, 496, 0, 0, 492);
	fake_put8(fake, inner - 3, 6 << 5);
	for (unsigned int i = 1; i < 8; i++)
		if (i != 5 && i != 6)
			put_block(scene, PARENT, 496, i, i % 3, 450 - i);

	put_meta(scene, inner, 9, CLASS_48, 0, false);
	for (unsigned int i = 0; i < 9; i++)
		put_block(scene, inner, 48, i, 0, 36 + i);

	put_meta(scene, LARGE, 1, CLASS_LARGE, 4, false);
	put_block(scene, LARGE, 4 * PAGE - 16, 0, 5, 3 * PAGE + 100);

	put_meta(scene, GIVEN, 1, CLASS_96, 0, true);
	put_block(scene, GIVEN, 96, 0, 0, 92);
	put_context(scene, AREA, scene->metas);
	assert_int_equal(find_in_range(&fake->image, LIBC, LIBC + PAGE, &scene->context), 0);
}

static inline void end(struct scene *scene)
{
	owned_free(&scene->owned);
	fake_free(&scene->fake);
}

static inline int run_for(struct scene *scene, uint64_t ns)
{
	return read_musl(&scene->fake.image, &scene->context, &(struct heap_budget){ .most_ns = ns }, &scene->owned, &scene->view);
}

static inline int run(struct scene *scene)
{
	return run_for(scene, A_MINUTE);
}

#endif
