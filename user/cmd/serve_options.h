/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of `memgap serve`. */
#ifndef MEMGAP_CMD_SERVE_OPTIONS_H
#define MEMGAP_CMD_SERVE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/error.h"
#include "user/cmd/watch_options.h"
#include "user/http/server.h"

struct serve_options {
	struct watch_options watch; /* the session's */
	struct http_options http;
	int64_t max_targets; /* that have series */
	bool help;
};

extern const char serve_usage[];

/* Fails with EXIT_USAGE. What it points to is argv's, but for the targets: serve_options_free(). */
int serve_options_parse(int argc, char *argv[], struct serve_options *ret, struct error *err);
void serve_options_free(struct serve_options *options);

#endif
