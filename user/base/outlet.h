/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing to where a reader may have stopped reading, as a pager does: that is waited for, until memgap is asked to end. Then
 * what is left is given up when nothing of it was read for half a second, or all of it in two.
 */
#ifndef MEMGAP_BASE_OUTLET_H
#define MEMGAP_BASE_OUTLET_H

#include <stddef.h>
#include <stdio.h>

struct outlet {
	FILE *stream; /* buffered */
	int fd;       /* the caller's */
	int error;    /* the first -errno, or 0 */
};

int outlet_open(struct outlet *outlet, int fd); /* 0 or -errno; its address is kept */
void outlet_close(struct outlet *outlet);       /* what was not flushed is lost */

/* The first failure there was, now or before: -ECANCELED when it was given up. */
int outlet_flush(struct outlet *outlet);

/* Unbuffered: 0 or -errno. */
int outlet_write(int fd, const char *text, size_t n);

/* Whoever makes this fd readable asks memgap to end (a signalfd); -1: nobody does. */
void outlet_set_stop_fd(int fd);
/* It has been asked. Only the first call counts. */
void outlet_stop(void);

#endif
