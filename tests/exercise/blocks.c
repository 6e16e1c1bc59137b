// SPDX-License-Identifier: GPL-2.0-only
/* The C functions of the family, each in all that it can be asked for. */
#include "tests/exercise/ledger.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static volatile size_t huge = PTRDIFF_MAX; /* volatile: the compiler must not know that it fails */

/* From nothing to far above the mmap threshold. */
static void malloc_all_sizes(void)
{
	for (size_t i = 0; i < BLOCKS; i++)
		held[i] = got(malloc(i % 10 == 9 ? i * 1000 : i));
}

static void free_null(void)
{
	free(NULL);
}

static void calloc_blocks(void)
{
	for (size_t i = 0; i < 100; i++)
		held[i] = got(calloc(i + 1, 24));
}

static void calls_that_fail(void)
{
	void *block = (void *)1, *volatile kept = got(malloc(100)); /* else gcc 14 takes it for freed */

	must_fail(malloc(huge));
	must_fail(calloc(huge, 16)); /* overflows */
	must_fail(calloc(huge / 16, 16));
	must_fail(realloc(kept, huge));
	must_fail(reallocarray(kept, huge, 16));
	must_fail(reallocarray(NULL, huge / 16, 16));
	must_fail(memalign(64, huge));
	must_fail(aligned_alloc(64, huge));
	must_fail(valloc(huge));
#ifdef __GLIBC__
	must_fail(pvalloc(huge));
#endif
	if (posix_memalign(&block, 3, 100) != EINVAL || posix_memalign(&block, 64, huge) != ENOMEM || block != (void *)1)
		abort();
	give_back(kept);
}

static void aligned_blocks(void)
{
	size_t n = 0;

	for (size_t alignment = 8; alignment <= 8192; alignment *= 2) {
		for (size_t size = 1; size <= 1 << 20; size *= 32) {
			void *block = NULL;

			held[n++] = got(memalign(alignment, size));
			held[n++] = got(aligned_alloc(alignment, size));
			if (posix_memalign(&block, alignment, size))
				abort();
			held[n++] = got(block);
		}
	}
	held[n++] = got(valloc(100));
}

/* An allocator that has none leaves it to the libc, whose block it then does not know. */
static void pvalloc_block(void)
{
#ifdef __GLIBC__
	held[0] = got(pvalloc(100));
#endif
}

static void realloc_from_null(void)
{
	held[0] = got(realloc(NULL, 1000));
	held[1] = got(reallocarray(NULL, 10, 1000));
}

/* The only neighbour is the top of the heap, so it grows where it is. */
static void realloc_in_place(void)
{
	void *block = got(malloc(1000)), *before = block;

	block = got_again(block, 500);
	if (block != before)
		abort();
	give_back(block);
}

/* Shut in between live neighbours on both sides. */
static void realloc_moving(void)
{
	bool moved = false;

	for (size_t i = 0; i < 100; i++)
		held[i] = got(malloc(1000));
	for (size_t i = 40; i < 60; i++) {
		void *before = held[i];

		held[i] = got_again(held[i], 50000);
		moved |= held[i] != before;
	}
	if (!moved)
		abort();
	free_all();
}

/* mmapped blocks are moved by mremap(2), or copied when they become small. */
static void realloc_mmapped(void)
{
	void *block = got(malloc(1 << 20));

	block = got_again(block, 8 << 20);
	block = got_again(block, 100);
	block = got_again(block, 4 << 20);
	taken_back(block);
	block = got(reallocarray(block, 3, 1000));
	give_back(block);
}

/* Whatever an allocator makes of it: step by step up and down, by a little and by much. */
static void realloc_sizes(void)
{
	static const size_t sizes[] = { 1, 9, 17, 100, 110, 140, 1000, 1001, 1300, 5000, 4000, 2000, 1999, 20000, 33000, 40000,
					30000, 140000, 170000, 100000, 600000, 1200000, 700000, 3000000, 40000000, 50000, 10 };
	void *block = got(malloc(0)), *neighbour = NULL;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		block = got_again(block, sizes[i]);
		if (neighbour)
			give_back(neighbour);
		neighbour = got(malloc(sizes[i] / 3));
	}
	give_back(neighbour);
	give_back(block);
}

/* C99 leaves open whether that frees it, or hands out a new one of no size. */
static void realloc_to_zero(void)
{
	void *block = got(malloc(777));

	taken_back(block);
	block = realloc(block, 0);
	if (block)
		give_back(got(block));
}

/* realloc(block, 0) frees it and returns NULL; so does reallocarray. */
static void realloc_to_nothing(void)
{
	for (int i = 0; i < 2; i++) {
		void *block = got(malloc(777));

		taken_back(block);
		must_fail(i ? reallocarray(block, 0, 8) : realloc(block, 0));
	}
}

const struct action block_actions[] = {
	{ "malloc_all_sizes", malloc_all_sizes },
	{ "free_all", free_all },
	{ "free_null", free_null },
	{ "calloc_blocks", calloc_blocks },
	{ "calls_that_fail", calls_that_fail },
	{ "aligned_blocks", aligned_blocks },
	{ "pvalloc_block", pvalloc_block },
	{ "realloc_from_null", realloc_from_null },
	{ "realloc_in_place", realloc_in_place },
	{ "realloc_moving", realloc_moving },
	{ "realloc_mmapped", realloc_mmapped },
	{ "realloc_to_nothing", realloc_to_nothing },
	{ "realloc_sizes", realloc_sizes },
	{ "realloc_to_zero", realloc_to_zero },
	{ NULL, NULL },
};
