/* SPDX-License-Identifier: GPL-2.0-only */
/* All groups that an allocator has, as its pages of meta data say: they are read in one go, in less than 20 us a MiB of heap. */
#ifndef MEMGAP_MUSL_METAS_H
#define MEMGAP_MUSL_METAS_H

#include "user/memory/owned.h"
#include "user/memory/window.h"
#include "user/musl/context.h"
#include "user/musl/group.h"

struct metas {
	struct meta *list; /* by the address of the group */
	size_t n, room;
	uint64_t bytes;        /* of the pages of meta data */
	struct residency sum; /* of them */
};

/* As it is now: 0; -ENOENT: it is of no group; -EAGAIN: it is not sound; -ESRCH. */
int meta_read(const struct image *image, uint64_t address, struct meta *ret);

/* -EAGAIN, -ETIME, -ENOBUFS, -ESRCH, -ENOMEM. metas_free() releases it, then too. The pages are added to owned. */
int metas_read(struct window *window, const struct context *context, struct owned *owned, struct metas *metas);
void metas_free(struct metas *metas);

#endif
