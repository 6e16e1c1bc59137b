/* SPDX-License-Identifier: GPL-2.0-only */
/* Text from outside: what a process calls itself may be anything, an escape sequence included. */
#ifndef MEMGAP_BASE_TEXT_H
#define MEMGAP_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Control characters, and bytes that are no UTF-8, become '?', in place: nothing of it then does anything to a terminal,
 * and it stays valid text. Returns text.
 */
char *text_make_printable(char *text);

bool text_is_utf8(const char *text);

/*
 * Columns that printable text takes on a terminal: wcwidth(3) in the locale set for LC_CTYPE, one for each character that
 * the locale does not know, so for each one but ASCII's in "C".
 */
size_t text_width(const char *text);

/* What of it fits into so many columns: the bytes of its first part, and where its last part begins. */
size_t text_head(const char *text, size_t columns);
const char *text_tail(const char *text, size_t columns);

#endif
