/* SPDX-License-Identifier: GPL-2.0-only */
/* stdout: what is printed there, in the format that was chosen, and as it suits what stdout leads to. */
#ifndef MEMGAP_CMD_DISPLAY_H
#define MEMGAP_CMD_DISPLAY_H

#include <stdbool.h>

#include "user/base/outlet.h"
#include "user/output/output.h"

struct display {
	struct outlet out;
	struct output output; /* to out's stream; its format is the caller's to choose before anything is printed */
	bool failed;          /* and told */
};

/* 0 or -ENOMEM; its address is kept. What was not flushed is lost at display_close(). */
int display_open(struct display *display, int fd);
void display_close(struct display *display);

/* Prints what was gathered, as wide as the terminal is now. */
void display_interval(struct display *display);

/* 0, or -errno as outlet_flush() has it. All but -EPIPE, which is a quiet end, is told once. */
int display_flush(struct display *display);

/*
 * What fd leads to. A terminal's width is its own (TIOCGWINSZ), that of $COLUMNS where it has none, or 80; what is no
 * terminal has a width only if $COLUMNS is exported, as with ps(1). Colour: on a terminal whose $TERM is set
 * and not "dumb", unless $NO_COLOR is set and not empty (no-color.org).
 */
struct output_terminal terminal_look(int fd);

#endif
