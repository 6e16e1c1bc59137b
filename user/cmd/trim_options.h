/* SPDX-License-Identifier: GPL-2.0-only */
/* The options that say how to trim: those of `memgap watch` and of `memgap trim`. */
#ifndef MEMGAP_CMD_TRIM_OPTIONS_H
#define MEMGAP_CMD_TRIM_OPTIONS_H

#include <stdbool.h>

#include "user/base/error.h"
#include "user/cmd/target_options.h"
#include "user/trim/action.h"

enum { OPTION_TRIM_WITH = OPTION_RUNTIME_SOCKET + 1, OPTION_FORCE, OPTION_DRY_RUN, OPTION_LOG, OPTION_AFTER_TRIM };

#define TRIM_LONG_OPTIONS                                          \
	{ "trim-with", required_argument, NULL, OPTION_TRIM_WITH }, \
	{ "force", no_argument, NULL, OPTION_FORCE },               \
	{ "dry-run", no_argument, NULL, OPTION_DRY_RUN },           \
	{ "log", required_argument, NULL, OPTION_LOG }

#define TRIM_USAGE                                                                                          \
	"      --trim-with ACTION    signal:NAME (default signal:USR1), sent only to a process that expects it;\n" \
	"                            pressure: by systemd's memory-pressure protocol; reclaim: the kernel takes\n"  \
	"                            back what it can from the cgroup (memory.reclaim); exec:COMMAND, without a\n"  \
	"                            shell, the figures in its environment, for 10 s at most; auto: a signal where\n" \
	"                            the allocator retains memory, reclaim where it is page cache, else nothing\n"  \
	"      --force               also where the verdict says that a trim cannot help: for programs that free\n"  \
	"                            more than their allocator retains when they are asked\n"                     \
	"      --dry-run             say what would be done, do nothing\n"                                        \
	"      --log FILE            every decision, also not to act, as a JSON object a line\n"

/* It would take from whoever else is in the process's cgroup. */
#define RECLAIM_NEEDS_CGROUP "reclaim is for a cgroup, all of it: name one with -c or -n"

struct trim_options {
	struct trim_action action;
	bool forced, dry_run;
	const char *log;   /* path, or NULL */
	const char *given; /* one of these options; NULL: there was none */
};

/* signal:USR1, nothing else. */
void trim_options_init(struct trim_options *options);
/* Whether it is one of these options; *ret_result: 0, or -1 with EXIT_USAGE. */
bool trim_options_take(struct trim_options *options, int option, int *ret_result, struct error *err);
/* When all options are there: what they say goes into the action. */
void trim_options_complete(struct trim_options *options);
void trim_options_free(struct trim_options *options);

#endif
