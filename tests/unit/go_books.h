/* SPDX-License-Identifier: GPL-2.0-only */
/* What a Go runtime keeps of its memory, made up. After helpers.h. */
#ifndef MEMGAP_TESTS_UNIT_GO_BOOKS_H
#define MEMGAP_TESTS_UNIT_GO_BOOKS_H

#include "user/base/units.h"
#include "user/go/layout.h"

#define MIB (1024LL * 1024)

/* Where the versions of Go have what; checked against Go's own reflection of these structures. */
struct go_version_layout {
	const char *versions;
	size_t heap_in_use, total_alloc, heap_stats_bytes, stacks_sys, pause_total_ns, num_gc;
};

static const struct go_version_layout versions[] = {
	{ "1.25 and later", 272, 296, 1168, 3520, 3576, 7680 },
	{ "1.21 to 1.24", 272, 296, 1176, 3544, 3600, 7704 },
	{ "1.20", 248, 272, 1176, 3544, 3600, 7704 },
	{ "1.19", 304, 328, 1176, 3544, 3600, 7704 },
};

struct books {
	uint8_t controller[CONTROLLER_BYTES], memstats[MEMSTATS_BYTES];
};

static inline void put(uint8_t *at, int64_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* A program that has 90 MiB of 200 that it ever had; stacks grew in one of the three parts of heapStats and shrank in another. */
static inline struct books books_make(const struct go_version_layout *version)
{
	struct books books = { .controller = { 0 } };
	const int32_t percent = 50, collections = 7;

	memcpy(books.controller, &percent, sizeof(percent));
	put(books.controller + 8, INT64_MAX);
	put(books.controller + version->heap_in_use, 100 * MIB);
	put(books.controller + version->heap_in_use + 8, 30 * MIB);
	put(books.controller + version->heap_in_use + 16, 20 * MIB);
	put(books.controller + version->total_alloc, 200 * MIB);
	put(books.controller + version->total_alloc + 8, 110 * MIB);
	put(books.controller + version->total_alloc + 16, 100 * MIB + 20 * MIB + 6 * MIB + 3 * MIB);
	put(books.memstats + 24, 5 * MIB);
	put(books.memstats + version->heap_stats_bytes + 24, -3 * MIB);
	put(books.memstats + 2 * version->heap_stats_bytes + 32, 1 * MIB);
	for (size_t i = 0; i < 6; i++)
		put(books.memstats + version->stacks_sys + 8 * i, 1 * MIB);
	put(books.memstats + version->pause_total_ns, 123456789);
	memcpy(books.memstats + version->num_gc, &collections, sizeof(collections));
	return books;
}

#endif
