// SPDX-License-Identifier: GPL-2.0-only
#include "user/screen/canvas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"

static struct cell *cell_at(struct canvas *canvas, int line, int column)
{
	return &canvas->cells[(size_t)line * (size_t)canvas->width + (size_t)column];
}

int canvas_resize(struct canvas *canvas, int width, int height)
{
	struct cell *cells;

	width = width < 1 ? 1 : width;
	height = height < 1 ? 1 : height;
	cells = calloc((size_t)width * (size_t)height, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	free(canvas->cells);
	canvas->cells = cells;
	canvas->width = width;
	canvas->height = height;
	canvas_clear(canvas);
	return 0;
}

void canvas_clear(struct canvas *canvas)
{
	for (int i = 0; i < canvas->width * canvas->height; i++)
		canvas->cells[i] = (struct cell){ .text = " " };
}

void canvas_free(struct canvas *canvas)
{
	free(canvas->cells);
	*canvas = (struct canvas){ .width = 0 };
}

/* Bytes of the next character with its accents, and the columns that it takes: 1 or 2. */
static size_t next_character(const char *text, int *ret_columns)
{
	size_t n = text_head(text, 1);

	*ret_columns = 1;
	if (n)
		return n;
	*ret_columns = 2;
	return text_head(text, 2);
}

static void set_text(const struct canvas *canvas, struct cell *cell, const char *text, size_t n)
{
	bool is_ascii = n == 1 && (unsigned char)*text < 0x80;

	if (canvas->ascii && !is_ascii) {
		strcpy(cell->text, "?");
		return;
	}
	/* accents that do not fit are left out, each as a whole */
	while (n >= CELL_BYTES || (n && ((unsigned char)text[n] & 0xc0) == 0x80))
		n--;
	memcpy(cell->text, text, n);
	cell->text[n] = '\0';
}

int canvas_put(struct canvas *canvas, int line, int column, int width, enum style style, const char *text)
{
	int written = 0, columns;

	if (line < 0 || line >= canvas->height || column < 0)
		return 0;
	for (size_t n; *text; text += n, written += columns) {
		n = next_character(text, &columns);
		if (!n || written + columns > width || column + written + columns > canvas->width)
			break;
		for (int i = 0; i < columns; i++) {
			struct cell *cell = cell_at(canvas, line, column + written + i);

			cell->style = (unsigned char)style;
			cell->text[0] = '\0';
		}
		set_text(canvas, cell_at(canvas, line, column + written), text, n);
		if (canvas->ascii && columns > 1)
			strcpy(cell_at(canvas, line, column + written + 1)->text, "?");
	}
	return written;
}

void canvas_style_line(struct canvas *canvas, int line, enum style style)
{
	for (int i = 0; line >= 0 && line < canvas->height && i < canvas->width; i++)
		cell_at(canvas, line, i)->style = (unsigned char)style;
}

void canvas_mark_line(struct canvas *canvas, int line)
{
	for (int i = 0; line >= 0 && line < canvas->height && i < canvas->width; i++)
		cell_at(canvas, line, i)->marked = true;
}
