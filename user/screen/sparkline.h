/* SPDX-License-Identifier: GPL-2.0-only */
/* A figure over the last minutes, drawn in one line of text. */
#ifndef MEMGAP_SCREEN_SPARKLINE_H
#define MEMGAP_SCREEN_SPARKLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPARKLINE_POINTS 300 /* five minutes at samples a second apart */
#define SPARKLINE_MOST 60    /* characters */
#define SPARKLINE_TEXT_MAX (SPARKLINE_MOST * 3 + 1)

/* Bytes, UNKNOWN where not known. */
struct sparkline_points {
	int64_t value[SPARKLINE_POINTS]; /* a ring: the n-th is at n modulo its size */
	uint64_t n;                      /* so far */
};

void sparkline_add(struct sparkline_points *points, int64_t value);

/* The largest that there is; 0 when none is known. */
int64_t sparkline_most(const struct sparkline_points *points);

/*
 * So many characters, the newest at the right, from nothing to `most`; a space where nothing is known. Where there are more points
 * than characters, each stands for two, four, ... of them, the same ones each time: the line moves on, it does not flicker.
 */
void sparkline_draw(const struct sparkline_points *points, int width, int64_t most, bool ascii, char text[SPARKLINE_TEXT_MAX]);

#endif
