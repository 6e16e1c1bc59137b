/* SPDX-License-Identifier: GPL-2.0-only */
/* How long a walk may take, and how much of it at a time: a large heap is walked through in slices, with rests between. */
#ifndef MEMGAP_MEMORY_PACE_H
#define MEMGAP_MEMORY_PACE_H

#include <stdint.h>

#include "user/memory/heap_view.h"

struct pace {
	uint64_t deadline; /* monotonic_ns(), which rests move on */
	uint64_t slice_end, slice_ns, rest_ns;
};

void pace_begin(struct pace *pace, const struct heap_budget *budget);

/* Rests when the slice is over: 1 then, for what was read before is of the past; else 0. -ETIME: it has taken too long. */
int pace_check(struct pace *pace);

#endif
