/* SPDX-License-Identifier: GPL-2.0-only */
/* A made-up arena in one piece, and the walk through it. After tests/unit/helpers.h. */
#ifndef MEMGAP_TESTS_UNIT_HEAP_SCENE_H
#define MEMGAP_TESTS_UNIT_HEAP_SCENE_H

#include "tests/unit/heap_image.h"
#include "user/glibc/fastbins.h"
#include "user/glibc/walk.h"

#define BASE 0x100000000ULL
#define SIZE (256 * PAGE)

struct scene {
	struct fake fake;
	struct piece piece;
	struct addresses fast;
	struct window window;
	struct walk walk;
	struct tally sum;
};

/* A main arena whose memory is all of it; chunks are to be added from BASE on. */
static inline void start(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	fake_add(&scene->fake, BASE, SIZE);
	scene->piece = (struct piece){ .start = BASE, .end = BASE + SIZE, .is_main = true, .brk_end = BASE + SIZE,
				       .trim_alignment = PAGE };
}

static inline void end(struct scene *scene)
{
	addresses_free(&scene->fast);
	fake_free(&scene->fake);
}

/* The top takes what is left. */
static inline void put_top(struct scene *scene, uint64_t at, bool previous_is_used)
{
	fake_chunk(&scene->fake, at, scene->piece.end - at, previous_is_used);
	scene->piece.top = at;
}

static inline int run_within(struct scene *scene, const struct heap_budget *budget)
{
	window_init(&scene->window, &scene->fake.image, budget);
	scene->walk = (struct walk){ .image = &scene->fake.image, .window = &scene->window, .fast = &scene->fast, .retries = 100,
				     .tcache_count = 7 };
	return walk_piece(&scene->walk, &scene->piece, &scene->sum);
}

static inline int run(struct scene *scene)
{
	return run_within(scene, &a_minute);
}

#endif
