/* SPDX-License-Identifier: GPL-2.0-only */
/* One walk through all segments. */
#ifndef MEMGAP_MIMALLOC_READ_H
#define MEMGAP_MIMALLOC_READ_H

#include "user/memory/heap_view.h"
#include "user/memory/image.h"
#include "user/memory/maps.h"
#include "user/memory/owned.h"

/* The key that is in the segments among the mappings: 0, -ENOENT, -EPROTO when they have several, -ETIME, -ESRCH. */
int find_key(const struct image *image, const struct anonymous *maps, const struct heap_budget *budget, uint64_t *ret);

/* -EAGAIN, -ETIME, -ENOBUFS, -ESRCH, -ENOMEM: mimalloc_heap.h. What ret_owned had is replaced, also on failure. */
int read_mimalloc(const struct image *image, const struct anonymous *maps, uint64_t key, const struct heap_budget *budget,
		  struct owned *ret_owned, struct heap_view *ret);

#endif
