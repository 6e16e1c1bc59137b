/* SPDX-License-Identifier: GPL-2.0-only */
/* Puts a terminal back as it was when a program dies of a signal, or a library ends it. One for the process, as the signals are. */
#ifndef MEMGAP_SCREEN_RESTORE_H
#define MEMGAP_SCREEN_RESTORE_H

/* How it is now is how it will be. After setupterm(), before anything is changed. Sets handlers for the signals of screen.h. */
void restore_remember(int in, int out);
/* After a Ctrl-S: what is written is not waited for. Safe in a handler. */
void restore_output(int out);
/* Puts it back, if it is not as it was. Safe in a handler. */
void restore_now(void);
/* It is as it was; the handlers go. */
void restore_forget(void);

#endif
