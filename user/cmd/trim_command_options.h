/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of `memgap trim`. */
#ifndef MEMGAP_CMD_TRIM_COMMAND_OPTIONS_H
#define MEMGAP_CMD_TRIM_COMMAND_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/error.h"
#include "user/cmd/watch_options.h"

struct trim_command_options {
	struct watch_options watch; /* as `memgap watch` would have them: whom, with what; no probes */
	bool help;
};

extern const char trim_usage[];

/* Fails with EXIT_USAGE. trim_command_options_free(). */
int trim_command_options_parse(int argc, char *argv[], struct trim_command_options *ret, struct error *err);
void trim_command_options_free(struct trim_command_options *options);

#endif
