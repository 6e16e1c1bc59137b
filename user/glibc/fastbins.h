/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fastbins (glibc before 2.43): lists of small chunks that are free, though their headers say that they are in use.
 * malloc_trim() first merges them with their neighbours.
 */
#ifndef MEMGAP_GLIBC_FASTBINS_H
#define MEMGAP_GLIBC_FASTBINS_H

#include "user/glibc/layout.h"
#include "user/memory/addresses.h"
#include "user/memory/image.h"

/*
 * Adds the chunks of one arena's lists, heads[N_FASTBINS]; it has system_mem bytes in all. A list that breaks off, since the
 * target is changing it or is hostile, is followed as far as its chunks are what they should be. 0, -ENOMEM, -ETIME.
 */
int fastbins_collect(const struct image *image, const uint64_t *heads, uint64_t system_mem, uint64_t deadline,
		     struct addresses *set);

#endif
