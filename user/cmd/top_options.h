/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of `memgap top`. */
#ifndef MEMGAP_CMD_TOP_OPTIONS_H
#define MEMGAP_CMD_TOP_OPTIONS_H

#include "user/base/error.h"
#include "user/cmd/watch_options.h"

extern const char top_usage[];

/* As `memgap watch` would have them; trims may be asked for. Fails with EXIT_USAGE. watch_options_free(). */
int top_options_parse(int argc, char *argv[], struct watch_options *ret, struct error *err);

#endif
