/* SPDX-License-Identifier: GPL-2.0-only */
/* What a key means. */
#ifndef MEMGAP_SCREEN_KEYS_H
#define MEMGAP_SCREEN_KEYS_H

#include <stdbool.h>
#include <stddef.h>

/* As read: a character, or a key that has none. */
struct key {
	bool special;      /* KEY_… of ncurses, else a character */
	unsigned int code;
};

enum key_command {
	COMMAND_NONE, COMMAND_LINE_UP, COMMAND_LINE_DOWN, COMMAND_PAGE_UP, COMMAND_PAGE_DOWN, COMMAND_FIRST, COMMAND_LAST, COMMAND_COLUMN_LEFT, COMMAND_COLUMN_RIGHT,
	COMMAND_SORT, COMMAND_REVERSE, COMMAND_FILTER, COMMAND_EXPAND, COMMAND_COLLAPSE, COMMAND_TOGGLE, COMMAND_TRIM, COMMAND_FORCE, COMMAND_PAUSE, COMMAND_LOG, COMMAND_HELP,
	COMMAND_QUIT, COMMAND_REDRAW,
};

/* With nothing being asked. */
enum key_command key_command(struct key key);

/* While something is. */
bool key_is_enter(struct key key);
bool key_is_escape(struct key key);
/* -1: to the left, 1: to the right, 0: neither. */
int key_direction(struct key key);

/*
 * Takes a key into a line of text: a character at its end, or one off it. false: it is neither, or there is no room.
 */
bool key_edit(struct key key, char *text, size_t size);

#endif
