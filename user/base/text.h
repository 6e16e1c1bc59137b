/* SPDX-License-Identifier: GPL-2.0-only */
/* Text from outside: what a process calls itself may be anything, an escape sequence included. */
#ifndef MEMGAP_BASE_TEXT_H
#define MEMGAP_BASE_TEXT_H

#include <stdbool.h>

/*
 * Control characters, and bytes that are no UTF-8, become '?', in place: nothing of it then does anything to a terminal,
 * and it stays valid text. Returns text.
 */
char *text_make_printable(char *text);

bool text_is_utf8(const char *text);

#endif
