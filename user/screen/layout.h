/* SPDX-License-Identifier: GPL-2.0-only */
/* The table's columns in a width, and its rows. For page.c. */
#ifndef MEMGAP_SCREEN_LAYOUT_H
#define MEMGAP_SCREEN_LAYOUT_H

#include <stdbool.h>

#include "user/screen/canvas.h"
#include "user/screen/view.h"

struct layout {
	bool shown[VIEW_COLUMNS]; /* TARGET always is */
	int target;               /* columns of the screen; */
	int chart;                /* of each of the two figures over time; 0: they are not shown */
};

struct layout layout_for(const struct view *view, int width);

void layout_draw_head(const struct layout *layout, const struct view *view, struct canvas *canvas, int line, bool ascii);
void layout_draw_row(const struct layout *layout, const struct view *view, const struct view_row *row, struct canvas *canvas, int line,
		     bool ascii);

#endif
