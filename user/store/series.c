// SPDX-License-Identifier: GPL-2.0-only
#include "user/store/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Up to how many eighths of what all may take a level grows: the coarse ones tell most for it. The last one is for those that begin. */
static const size_t eighths[SERIES_LEVELS] = { 4, 6, 7 };

static const struct series_point *at(const struct series_level *level, size_t i)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): a level that has points has room */
	return &level->points[(level->next + level->room - level->n + i) % level->room];
}

/* Where a ring may not grow, its oldest points go. */
static int make_room(struct series_level *level, size_t *used, size_t most)
{
	size_t room = !level->room ? SERIES_FIRST_POINTS : level->room * 2 > SERIES_POINTS ? SERIES_POINTS : level->room * 2;
	size_t bytes = (room - level->room) * sizeof(struct series_point);
	struct series_point *points;

	if (level->n < level->room || level->room == SERIES_POINTS || *used + bytes > most)
		return 0;
	points = malloc(room * sizeof(*points));
	if (!points)
		return -ENOMEM;
	for (size_t i = 0; i < level->n; i++)
		points[i] = *at(level, i);
	free(level->points);
	level->points = points;
	level->next = level->n;
	level->room = room;
	*used += bytes;
	return 0;
}

static int add(struct series_level *level, const struct series_point *point, size_t *used, size_t most)
{
	if (make_room(level, used, most))
		return -ENOMEM;
	if (!level->room)
		return 0;
	level->points[level->next] = *point;
	level->next = (level->next + 1) % level->room;
	if (level->n < level->room)
		level->n++;
	return 0;
}

size_t series_bytes(const struct series *series)
{
	size_t bytes = 0;

	for (size_t k = 0; k < SERIES_LEVELS; k++)
		bytes += series->levels[k].room * sizeof(struct series_point);
	return bytes;
}

int series_add(struct series *series, const struct series_point *point, size_t *used, size_t most)
{
	for (size_t k = 0; k < SERIES_LEVELS; k++) {
		struct series_level *level = &series->levels[k];

		if (add(level, point, used, level->room ? most / 8 * eighths[k] : most))
			return -ENOMEM;
		if (++level->gathered < SERIES_RATIO)
			return 0;
		level->gathered = 0;
	}
	return 0;
}

/* Each level from the coarsest on, up to where the next finer one begins; index i of that. */
struct walk {
	const struct series *series;
	size_t level, i;
	int64_t from_ms;
};

static const struct series_point *next(struct walk *walk)
{
	while (walk->level < SERIES_LEVELS) {
		size_t k = SERIES_LEVELS - 1 - walk->level;
		const struct series_level *level = &walk->series->levels[k];
		const struct series_level *finer = k ? &walk->series->levels[k - 1] : NULL;

		while (walk->i < level->n) {
			const struct series_point *point = at(level, walk->i++);

			if (finer && finer->n && point->time_ms >= at(finer, 0)->time_ms)
				break;
			if (point->time_ms >= walk->from_ms)
				return point;
		}
		walk->level++;
		walk->i = 0;
	}
	return NULL;
}

static size_t count(const struct series *series, int64_t from_ms)
{
	struct walk walk = { series, 0, 0, from_ms };
	size_t n = 0;

	while (next(&walk))
		n++;
	return n;
}

size_t series_read(const struct series *series, int64_t from_ms, struct series_point *points, size_t max)
{
	size_t all = count(series, from_ms), every = 1, n = 0;
	struct walk walk = { series, 0, 0, from_ms };
	const struct series_point *point;

	while (max && (all + every - 1) / every > max)
		every *= 2;
	/* counted from the end, so that the newest is always there */
	for (size_t i = all; n < max && (point = next(&walk)); i--)
		if ((i - 1) % every == 0)
			points[n++] = *point;
	return n;
}

struct series_point series_point_of(const struct snapshot *snapshot)
{
	return (struct series_point){
		.time_ms = (int64_t)snapshot->now.tv_sec * 1000 + snapshot->now.tv_nsec / 1000000,
		.alloc = snapshot->allocator.alloc,
		.rss = snapshot->kernel.rss,
		.current = snapshot->kernel.cgroup.current,
		.limit = snapshot->kernel.cgroup.limit,
		.gap = snapshot->gap.bytes,
	};
}

void series_free(struct series *series)
{
	for (size_t k = 0; k < SERIES_LEVELS; k++)
		free(series->levels[k].points);
	*series = (struct series){ 0 };
}
