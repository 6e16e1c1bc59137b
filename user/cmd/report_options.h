/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of `memgap report`. */
#ifndef MEMGAP_CMD_REPORT_OPTIONS_H
#define MEMGAP_CMD_REPORT_OPTIONS_H

#include <stdbool.h>

#include "user/base/error.h"

struct report_options {
	const char *input;  /* the recording, "-" for stdin; of argv */
	const char *output; /* NULL: stdout; of argv */
	bool help;
};

extern const char report_usage[];

/* Fails with EXIT_USAGE. */
int report_options_parse(int argc, char *argv[], struct report_options *ret, struct error *err);

#endif
