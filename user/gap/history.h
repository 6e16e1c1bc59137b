/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a figure was, and whether it grows. A leak rises to what it never was before and does not come back; a cache fills and
 * stops; a queue or a garbage collector's heap rises and falls. Seconds and hours are looked at alike: each level has points of
 * eight times the length of the one before it. Plain data, no clock.
 */
#ifndef MEMGAP_GAP_HISTORY_H
#define MEMGAP_GAP_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_LEVELS 4
#define HISTORY_POINTS 24 /* of a level: 24 s, 3 minutes, 26 minutes, 3 hours at samples a second apart */

/* Some time, and the least and the most that the figure was in it. */
struct history_point {
	double from_s, to_s;
	int64_t least, most;
};

struct history_level {
	struct history_point points[HISTORY_POINTS]; /* a ring */
	size_t n, next;
	struct history_point open; /* is still being gathered, */
	size_t gathered;           /* from so many; 0: none yet */
};

/* Growth over time; over_s is 0 when there is none. */
struct growth {
	double bytes_per_s; /* the median of the slopes between all points (Theil and Sen) */
	double over_s;
	int64_t from, to;   /* bytes at the two ends of it */
};

struct history {
	struct history_level levels[HISTORY_LEVELS];
	struct growth growth; /* as of the last sample */
	int64_t last;
};

/* Nothing known yet. */
void history_init(struct history *history);

/* A sample, later than those before. What is UNKNOWN is left out. Brings history->growth up to date. */
void history_add(struct history *history, double at_s, int64_t bytes);

#endif
