/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a failure reaches the user: the place that knows what went wrong writes one line with the
 * remedy and the exit status; the boundary (a subcommand) prints it once.
 */
#ifndef MEMGAP_BASE_ERROR_H
#define MEMGAP_BASE_ERROR_H

#include <stdbool.h>

/* Exit statuses of memgap; part of its interface. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* the work failed */
	EXIT_USAGE = 2,
	EXIT_HOST = 3,   /* this host cannot do it: a privilege or kernel feature is missing */
	EXIT_TARGET = 4, /* no such target */
};

#define ERROR_TEXT_MAX 512

struct error {
	enum exit_status status;
	char text[ERROR_TEXT_MAX]; /* one line, no newline at its end */
};

/* Writes the line; always returns -1, so that `return error_set(…)` reads well. */
int error_set(struct error *err, enum exit_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Whether an errno is that no descriptor is left, which has the same remedy everywhere: then it is written. */
bool error_is_out_of_fds(int number, struct error *err);

#endif
