// SPDX-License-Identifier: GPL-2.0-only
#include "user/gap/history.h"

#include <string.h>

#include "user/base/units.h"

/* Points of the finest level: samples may come more often. */
#define POINT_S 1.0
#define POINTS_A_COARSER 8

/* Fewer say nothing: with eight there are 28 slopes. */
#define LEAST_POINTS 8
#define MOST_SLOPES (HISTORY_POINTS * (HISTORY_POINTS - 1) / 2)

/*
 * A rise that counts: warming up, and the ups and downs of a program at work, stay below one of these, or come to an end
 * within the time that is looked at.
 */
#define RISE_BYTES (1 << 20)
#define RISE_PERCENT 5

/* A program whose figure falls back by more than this part of its rise lives in waves. */
#define FALL_PART 3

/* So many steps up, each at least this part of an even one. */
#define LEAST_STEPS 6
#define STEP_PART 4

/* It must still be rising: the later half's slope is at least this part of the whole's. */
#define LATER_PART 3

void history_init(struct history *history)
{
	memset(history, 0, sizeof(*history));
	history->last = UNKNOWN;
}

/* The i-th of a level, from the oldest on. */
static const struct history_point *point_at(const struct history_level *level, size_t i)
{
	return &level->points[(level->next + HISTORY_POINTS - level->n + i) % HISTORY_POINTS];
}

static void gather(struct history_level *level, const struct history_point *point)
{
	struct history_point *open = &level->open;

	if (!level->gathered++) {
		*open = *point;
		return;
	}
	open->to_s = point->to_s;
	if (point->least < open->least)
		open->least = point->least;
	if (point->most > open->most)
		open->most = point->most;
}

static void close_point(struct history_level *level)
{
	level->points[level->next] = level->open;
	level->next = (level->next + 1) % HISTORY_POINTS;
	if (level->n < HISTORY_POINTS)
		level->n++;
	level->gathered = 0;
}

static double middle_of(const struct history_point *point)
{
	return (point->from_s + point->to_s) / 2;
}

/* The median of some slopes, which are put into another order (Hoare's selection). */
static double median_of(double *slopes, size_t n)
{
	size_t low = 0, high = n - 1, wanted = n / 2;

	while (low < high) {
		double pivot = slopes[low + (high - low) / 2];
		size_t i = low, j = high;

		while (i <= j) {
			/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): the pivot is not passed */
			while (slopes[i] < pivot)
				i++;
			/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): nor here */
			while (slopes[j] > pivot)
				j--;
			if (i <= j) {
				double slope = slopes[i];

				slopes[i++] = slopes[j];
				slopes[j] = slope;
				if (!j--)
					break;
			}
		}
		if (wanted <= j && j <= high)
			high = j;
		else if (wanted >= i)
			low = i;
		else
			break;
	}
	return slopes[wanted];
}

/* Bytes a second from the first-th point on; the least of each point, so that waves within one do not count. */
static double slope_from(const struct history_level *level, size_t first)
{
	double slopes[MOST_SLOPES];
	size_t n = 0;

	for (size_t i = first; i < level->n; i++)
		for (size_t j = i + 1; j < level->n; j++) {
			const struct history_point *a = point_at(level, i), *b = point_at(level, j);

			slopes[n++] = (double)(b->least - a->least) / (middle_of(b) - middle_of(a));
		}
	return median_of(slopes, n);
}

/* How far it has come down from any earlier point. */
static int64_t deepest_fall(const struct history_level *level)
{
	int64_t most = point_at(level, 0)->least, fall = 0;

	for (size_t i = 1; i < level->n; i++) {
		int64_t least = point_at(level, i)->least;

		if (least > most)
			most = least;
		else if (most - least > fall)
			fall = most - least;
	}
	return fall;
}

/* In how many steps it came up, of those that are worth one: a few chance ones in a row are no trend. */
static size_t steps_up(const struct history_level *level, int64_t rise)
{
	int64_t worth = rise / (int64_t)(level->n - 1) / STEP_PART;
	size_t n = 0;

	for (size_t i = 1; i < level->n; i++)
		n += point_at(level, i)->least - point_at(level, i - 1)->least > worth;
	return n;
}

static int64_t rise_that_counts(int64_t from)
{
	int64_t share = from / 100 * RISE_PERCENT;

	return share > RISE_BYTES ? share : RISE_BYTES;
}

/* Whether it was as much before that time already: then it only comes back to it. */
static bool was_there_before(const struct history *history, double from_s, int64_t bytes)
{
	for (size_t k = 0; k < HISTORY_LEVELS; k++)
		for (size_t i = 0; i < history->levels[k].n; i++) {
			const struct history_point *point = point_at(&history->levels[k], i);

			if (point->to_s <= from_s && point->most + rise_that_counts(point->most) > bytes)
				return true;
		}
	return false;
}

static bool grows(const struct history *history, const struct history_level *level, struct growth *ret)
{
	const struct history_point *first, *last;
	int64_t rise;

	if (level->n < LEAST_POINTS)
		return false;
	first = point_at(level, 0);
	last = point_at(level, level->n - 1);
	/* most programs stand still most of the time: no slopes for them */
	if (last->least - first->least < rise_that_counts(first->least))
		return false;
	ret->bytes_per_s = slope_from(level, 0);
	ret->over_s = middle_of(last) - middle_of(first);
	ret->from = first->least;
	ret->to = last->least;
	rise = (int64_t)(ret->bytes_per_s * ret->over_s);
	return rise >= rise_that_counts(first->least) && steps_up(level, rise) >= LEAST_STEPS && deepest_fall(level) <= rise / FALL_PART &&
	       slope_from(level, level->n / 2) >= ret->bytes_per_s / LATER_PART &&
	       !was_there_before(history, first->from_s, last->least);
}

/* The points do not know of it yet. */
static bool has_fallen(const struct history *history, const struct growth *growth)
{
	return growth->to - history->last > (growth->to - growth->from) / FALL_PART;
}

static void look(struct history *history)
{
	struct growth growth;

	history->growth = (struct growth){ 0 };
	/* the longest time that it holds for says most */
	for (size_t k = HISTORY_LEVELS; k-- > 0;)
		if (grows(history, &history->levels[k], &growth) && !has_fallen(history, &growth)) {
			history->growth = growth;
			return;
		}
}

void history_add(struct history *history, double at_s, int64_t bytes)
{
	struct history_point sample = { at_s, at_s, bytes, bytes };
	struct history_level *level = &history->levels[0];

	if (!is_known(bytes))
		return;
	history->last = bytes;
	if (has_fallen(history, &history->growth))
		history->growth = (struct growth){ 0 };
	/* a sample begins the next point, so that it ends this one */
	if (!level->gathered || at_s - level->open.from_s < POINT_S) {
		gather(level, &sample);
		return;
	}
	level->open.to_s = at_s;
	for (size_t k = 0; k < HISTORY_LEVELS; k++) {
		struct history_point closed = history->levels[k].open;

		close_point(&history->levels[k]);
		if (k + 1 == HISTORY_LEVELS)
			break;
		gather(&history->levels[k + 1], &closed);
		if (history->levels[k + 1].gathered < POINTS_A_COARSER)
			break;
	}
	gather(level, &sample);
	look(history);
}
