/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a target's figures were over time: as they were sampled for some minutes, then in points of eight samples each, then of 64.
 * Memory is taken as it fills, as far as there is some: with less they go less far back. Plain data, no clock.
 */
#ifndef MEMGAP_STORE_SERIES_H
#define MEMGAP_STORE_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "user/gap/snapshot.h"

#define SERIES_LEVELS 3
#define SERIES_POINTS 600 /* of a level: 10 minutes, 80 minutes, 10 hours at samples a second apart */
#define SERIES_FIRST_POINTS 32 /* room that a level begins with: it doubles as it fills */
#define SERIES_RATIO 8    /* points of a level make one of the next, the last of them */

/* Bytes, UNKNOWN where not known. */
struct series_point {
	int64_t time_ms; /* CLOCK_REALTIME */
	int64_t alloc, rss, current, limit, gap;
};

struct series_level {
	struct series_point *points; /* a ring */
	size_t room, n, next;
	size_t gathered; /* points since the last one of the next level */
};

struct series {
	struct series_level levels[SERIES_LEVELS];
};

/* Bytes of memory that it takes by itself. */
size_t series_bytes(const struct series *series);

/*
 * 0, or -ENOMEM: the point is not in it. Later than those before. used, most: bytes that all those take which share a bound, counted on
 * here, and the bound, which is kept.
 */
int series_add(struct series *series, const struct series_point *point, size_t *used, size_t most);

/*
 * The points from a time on, the oldest first, each time once: the finest that there are. At most max are written, then every second,
 * fourth... is left out. Returns their number.
 */
size_t series_read(const struct series *series, int64_t from_ms, struct series_point *points, size_t max);

struct series_point series_point_of(const struct snapshot *snapshot);

void series_free(struct series *series);

#endif
