/* SPDX-License-Identifier: GPL-2.0-only */
/* One walk through all groups. */
#ifndef MEMGAP_MUSL_READ_H
#define MEMGAP_MUSL_READ_H

#include "user/memory/heap_view.h"
#include "user/memory/owned.h"
#include "user/musl/context.h"

/* -EAGAIN, -ETIME, -ENOBUFS, -ESRCH, -ENOMEM: musl_heap.h. What ret_owned had is replaced, also on failure. */
int read_musl(const struct image *image, const struct context *context, const struct heap_budget *budget, struct owned *ret_owned,
	      struct heap_view *ret);

#endif
