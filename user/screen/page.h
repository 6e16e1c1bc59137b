/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands where on the screen: a line of totals, the table, why the selected target is as it is, the last message, the keys.
 * On a small screen less of it, the table's rows last to go. Draws on a canvas, without a terminal.
 *
 * TARGET keeps a quarter of the width, then there is room for GAP, RSS, VERDICT, ALLOC, both figures over time, CGROUP, LIMIT, GAP%
 * and TRIMMABLE, in this order. What is left is TARGET's as far as it is that long, and then the figures over time have it.
 */
#ifndef MEMGAP_SCREEN_PAGE_H
#define MEMGAP_SCREEN_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "user/screen/canvas.h"
#include "user/screen/messages.h"
#include "user/screen/view.h"

struct page {
	struct view *view;
	struct messages *messages;
	char clock[16];     /* what time it is */
	bool paused;
	const char *prompt; /* what is being asked, in the last line; NULL: nothing */
	bool help;          /* instead of the table, from this line on: */
	size_t help_top;
	bool log;           /* the last messages below the table */
	bool ascii;         /* no other characters for what is drawn: lines, arrows, blocks */
};

void page_draw(struct page *page, struct canvas *canvas);

/* Lines of the help. */
size_t page_help_lines(void);

#endif
