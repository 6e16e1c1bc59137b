/* SPDX-License-Identifier: GPL-2.0-only */
/* A walk through a heap that is going on: what the parts of it have in common. Only they include it. */
#ifndef MEMGAP_GLIBC_READER_H
#define MEMGAP_GLIBC_READER_H

#include "user/glibc/arenas.h"
#include "user/glibc/find.h"
#include "user/memory/heap_view.h"
#include "user/glibc/walk.h"
#include "user/memory/addresses.h"
#include "user/memory/maps.h"
#include "user/memory/owned.h"

struct reader {
	const struct image *image;
	const struct place *place;
	const struct anonymous *maps;
	const struct owned *before;
	struct owned *owned;
	struct parameters parameters;
	struct arena arena; /* that is being read */
	struct addresses fast;  /* its chunks in fastbins */
	struct addresses parts; /* its heaps, if it is not the main one */
	struct window window;
	struct walk walk;
	struct tally tally;
	struct residency sum;
	uint64_t system_mem, mmapped_usable;
	struct owned found; /* mmapped chunks */
	uint32_t arenas;
	struct heap_arena shown[HEAP_ARENAS_SHOWN];
};

/* The arena as it is now: 0, -EAGAIN, -ESRCH. */
int reader_reread_arena(struct reader *reader);
/* What of a range is resident; it is the heap's. A chunk in a mapping of its own is added to `found`. */
int reader_count(struct reader *reader, uint64_t start, uint64_t end, bool is_mmapped);

/* The main arena, which is the one that is being read. */
int read_main_arena(struct reader *reader);

#endif
