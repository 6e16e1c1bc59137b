// SPDX-License-Identifier: GPL-2.0-only
#include "user/store/thinned.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 32

/* UNKNOWN is less than all that is known. */
static const struct series_point *higher(const struct series_point *a, const struct series_point *b)
{
	return b->rss > a->rss ? b : a;
}

static int push(struct thinned *thinned, const struct series_point *point)
{
	if (thinned->n == thinned->room) {
		size_t room = thinned->room ? thinned->room * 2 : FIRST_ROOM;
		struct series_point *points = realloc(thinned->points, room * sizeof(*points));

		if (!points)
			return -ENOMEM;
		thinned->points = points;
		thinned->room = room;
	}
	thinned->points[thinned->n++] = *point;
	return 0;
}

int thinned_add(struct thinned *thinned, const struct series_point *point)
{
	if (!thinned->every)
		thinned->every = 1;
	thinned->best = thinned->gathered ? *higher(&thinned->best, point) : *point;
	thinned->last = *point;
	if (++thinned->gathered < thinned->every)
		return 0;
	thinned->gathered = 0;
	return push(thinned, &thinned->best);
}

void thinned_halve(struct thinned *thinned)
{
	size_t n = thinned->n / 2;

	if (!n)
		return;
	/* an odd one begins the next pair */
	if (thinned->n % 2) {
		const struct series_point *odd = &thinned->points[thinned->n - 1];

		thinned->best = thinned->gathered ? *higher(odd, &thinned->best) : *odd;
		thinned->gathered += thinned->every;
	}
	for (size_t i = 0; i < n; i++)
		thinned->points[i] = *higher(&thinned->points[2 * i], &thinned->points[2 * i + 1]);
	thinned->n = n;
	thinned->every *= 2;
}

int thinned_end(struct thinned *thinned)
{
	if (!thinned->gathered)
		return 0; /* the last point has it */
	if (thinned->best.time_ms != thinned->last.time_ms && push(thinned, &thinned->best))
		return -ENOMEM;
	return push(thinned, &thinned->last);
}

void thinned_free(struct thinned *thinned)
{
	free(thinned->points);
	*thinned = (struct thinned){ 0 };
}
