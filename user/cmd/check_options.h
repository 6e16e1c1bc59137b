/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of `memgap check`. */
#ifndef MEMGAP_CMD_CHECK_OPTIONS_H
#define MEMGAP_CMD_CHECK_OPTIONS_H

#include <stdbool.h>

#include "user/cmd/target_options.h"

struct check_options {
	struct target_options targets; /* may be none: the host alone */
	bool help;
};

extern const char check_usage[];

/* Fails with EXIT_USAGE. check_options_free() releases the targets. */
int check_options_parse(int argc, char *argv[], struct check_options *ret, struct error *err);
void check_options_free(struct check_options *options);

#endif
