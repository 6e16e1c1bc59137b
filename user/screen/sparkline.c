// SPDX-License-Identifier: GPL-2.0-only
#include "user/screen/sparkline.h"

#include <string.h>

#include "user/base/units.h"

#define LEVELS 8

static const char *const blocks[LEVELS] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char *const letters[LEVELS] = { "_", ".", ":", "-", "=", "+", "*", "#" };

void sparkline_add(struct sparkline_points *points, int64_t value)
{
	points->value[points->n++ % SPARKLINE_POINTS] = value;
}

static uint64_t first_of(const struct sparkline_points *points)
{
	return points->n > SPARKLINE_POINTS ? points->n - SPARKLINE_POINTS : 0;
}

int64_t sparkline_most(const struct sparkline_points *points)
{
	int64_t most = 0;

	for (uint64_t i = first_of(points); i < points->n; i++)
		if (points->value[i % SPARKLINE_POINTS] > most)
			most = points->value[i % SPARKLINE_POINTS];
	return most;
}

/* The largest of the points from..to; UNKNOWN is below all. */
static int64_t largest(const struct sparkline_points *points, uint64_t from, uint64_t to)
{
	int64_t value = UNKNOWN;

	for (uint64_t i = from; i < to && i < points->n; i++)
		if (i >= first_of(points) && points->value[i % SPARKLINE_POINTS] > value)
			value = points->value[i % SPARKLINE_POINTS];
	return value;
}

static const char *level_of(int64_t value, int64_t most, bool ascii)
{
	double part = most > 0 && value > 0 ? (double)value / (double)most : 0;
	int level = (int)(part * LEVELS);

	if (!is_known(value))
		return " ";
	level = level >= LEVELS ? LEVELS - 1 : level;
	return ascii ? letters[level] : blocks[level];
}

void sparkline_draw(const struct sparkline_points *points, int width, int64_t most, bool ascii, char text[SPARKLINE_TEXT_MAX])
{
	uint64_t n = points->n < SPARKLINE_POINTS ? points->n : SPARKLINE_POINTS, each = 1, last;

	text[0] = '\0';
	width = width < SPARKLINE_MOST ? width : SPARKLINE_MOST;
	if (width <= 0)
		return;
	while (each * (uint64_t)width < n)
		each *= 2;
	last = points->n ? (points->n - 1) / each : 0; /* the group that the newest is in */
	for (int i = width - 1; i >= 0; i--) {
		bool before = (uint64_t)i > last;
		uint64_t group = before ? 0 : last - (uint64_t)i;

		strcat(text, level_of(before ? UNKNOWN : largest(points, group * each, (group + 1) * each), most, ascii));
	}
}
