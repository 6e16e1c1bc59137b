/* SPDX-License-Identifier: GPL-2.0-only */
/* Text from outside: what a process calls itself may be anything, an escape sequence included. */
#ifndef MEMGAP_BASE_TEXT_H
#define MEMGAP_BASE_TEXT_H

/* Control characters become '?', in place: nothing of it then does anything to a terminal. Returns text. */
char *text_make_printable(char *text);

#endif
