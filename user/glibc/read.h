/* SPDX-License-Identifier: GPL-2.0-only */
/* One complete walk through a heap: every arena, then the chunks in mappings of their own. */
#ifndef MEMGAP_GLIBC_READ_H
#define MEMGAP_GLIBC_READ_H

#include <stdint.h>

#include "user/glibc/find.h"
#include "user/memory/heap_view.h"
#include "user/memory/image.h"
#include "user/memory/maps.h"
#include "user/memory/owned.h"

/*
 * maps: of now. before: what was the heap's at the last time, to find chunks again; may be empty. *ret_owned: what is added to
 * it is the heap's now. Errors as heap_read() has them.
 */
int read_heap(const struct image *image, const struct place *place, const struct anonymous *maps, const struct owned *before,
	      const struct heap_budget *budget, struct owned *ret_owned, struct heap_view *ret);

#endif
