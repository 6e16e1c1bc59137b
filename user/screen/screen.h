/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The terminal while memgap has all of it (ncurses): its other screen, keys as they are pressed, nothing echoed. There is one.
 *
 * It is as it was before after screen_close(), and also when memgap is ended by a signal that a program dies of (SIGSEGV, SIGBUS,
 * SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, SIGQUIT): a handler puts it back, then the signal has its way. Those that ask for an end
 * (SIGINT, SIGTERM, SIGHUP) are the caller's. After SIGKILL nobody puts it back: `reset` does.
 */
#ifndef MEMGAP_SCREEN_SCREEN_H
#define MEMGAP_SCREEN_SCREEN_H

#include <stdbool.h>

#include "user/base/error.h"
#include "user/screen/canvas.h"
#include "user/screen/keys.h"

struct screen {
	bool open;
	bool colour;
	bool utf8;   /* the locale's characters are UTF-8's */
	bool blocks; /* the terminal has block characters, and the locale too */
};

/*
 * Whether there is a terminal that can do it: fails with EXIT_USAGE or EXIT_HOST and the remedy. Takes the locale for characters from
 * the environment.
 */
int screen_check(struct screen *screen, struct error *err);
int screen_open(struct screen *screen, struct error *err);
void screen_close(struct screen *screen); /* may be called whatever happened */

/* As large as it is now. 0, or -ENOMEM: the canvas is as it was. */
int screen_fit(struct screen *screen, struct canvas *canvas);

/* Shows what has changed; nothing while the terminal takes nothing (Ctrl-S): a later call does. */
void screen_show(struct screen *screen, const struct canvas *canvas);
/* The next time, all of it: something else may have written there. */
void screen_forget(struct screen *screen);

/* The next key that was pressed, without waiting. false: there is none (yet). */
bool screen_read(struct screen *screen, struct key *ret);
/* Nobody is at the other end of it any more. */
bool screen_is_gone(const struct screen *screen);

#endif
