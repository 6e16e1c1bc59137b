/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Figures over time from the first to the last, evenly thinned as they become many: each point stands for as many samples as any other,
 * and is the one of them with the most rss, so that peaks stay. Plain data, no clock.
 */
#ifndef MEMGAP_STORE_THINNED_H
#define MEMGAP_STORE_THINNED_H

#include <stddef.h>

#include "user/store/series.h"

struct thinned {
	struct series_point *points;
	size_t n, room;
	size_t every;    /* samples a point; 0: there are none yet */
	size_t gathered; /* since the last point */
	struct series_point best; /* of those */
	struct series_point last; /* sample */
};

/* A later one. 0 or -ENOMEM. */
int thinned_add(struct thinned *thinned, const struct series_point *point);
/* Half as many points. */
void thinned_halve(struct thinned *thinned);
/* What was gathered is in points, too, the last sample the last of them if they stand for several; nothing is added any more. 0 or -ENOMEM. */
int thinned_end(struct thinned *thinned);
void thinned_free(struct thinned *thinned);

#endif
