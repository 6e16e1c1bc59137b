/* SPDX-License-Identifier: GPL-2.0-only */
/* A screen's worth of character cells, as they are to be shown. No terminal is needed for it. */
#ifndef MEMGAP_SCREEN_CANVAS_H
#define MEMGAP_SCREEN_CANVAS_H

#include <stdbool.h>
#include <stddef.h>

/* Of a character with its accents; what is longer loses some. */
#define CELL_BYTES 16

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_FAINT, STYLE_BAR, STYLE_RED, STYLE_YELLOW, STYLE_GREEN, STYLE_CYAN, STYLE_COUNT };

/* A wide character takes two: the second has no text. */
struct cell {
	char text[CELL_BYTES];
	unsigned char style; /* enum style */
	bool marked;         /* in reverse, whatever the style is */
};

struct canvas {
	int width, height;
	bool ascii; /* nothing else is put on it: other characters become '?' */
	struct cell *cells; /* lines from the top down */
};

/* All spaces. 0, or -ENOMEM: as it was before. Sizes below 1 count as 1. */
int canvas_resize(struct canvas *canvas, int width, int height);
void canvas_clear(struct canvas *canvas);
void canvas_free(struct canvas *canvas);

/*
 * Writes printable text (user/base/text.h), of which no more than `width` columns; what is outside of the canvas is left out.
 * Returns the columns written.
 */
int canvas_put(struct canvas *canvas, int line, int column, int width, enum style style, const char *text);

/* The whole line in one style, or in reverse: its text stays. */
void canvas_style_line(struct canvas *canvas, int line, enum style style);
void canvas_mark_line(struct canvas *canvas, int line);

#endif
