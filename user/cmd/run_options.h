/* SPDX-License-Identifier: GPL-2.0-only */
/* The options that say what a session is to do (user/cmd/session.h): those of each subcommand that is one and goes on. */
#ifndef MEMGAP_CMD_RUN_OPTIONS_H
#define MEMGAP_CMD_RUN_OPTIONS_H

#include <stdbool.h>

#include "user/base/error.h"
#include "user/cmd/watch_options.h"

enum {
	OPTION_PER = OPTION_AFTER_TRIM,
	OPTION_TRIM_AT,
	OPTION_COOLDOWN,
	OPTION_MAX_OVERHEAD,
	OPTION_MAX_BLOCKS,
	OPTION_WALK_BUDGET,
	OPTION_AFTER_RUN, /* a subcommand's own begin here */
};

#define RUN_SHORT_OPTIONS TARGET_SHORT_OPTIONS "i:s:"
#define RUN_LONG_OPTIONS                                            \
	TARGET_LONG_OPTIONS,                                        \
	{ "interval", required_argument, NULL, 'i' },               \
	{ "source", required_argument, NULL, 's' },                 \
	{ "per", required_argument, NULL, OPTION_PER },             \
	{ "trim-at", required_argument, NULL, OPTION_TRIM_AT },     \
	TRIM_LONG_OPTIONS,                                          \
	{ "cooldown", required_argument, NULL, OPTION_COOLDOWN },   \
	{ "max-blocks", required_argument, NULL, OPTION_MAX_BLOCKS }, \
	{ "max-overhead", required_argument, NULL, OPTION_MAX_OVERHEAD }, \
	{ "walk-budget", required_argument, NULL, OPTION_WALK_BUDGET }

/* Of the usage text. */
#define INTERVAL_USAGE "  -i, --interval DUR        200ms, 1s, 1m (default 1s)\n"
#define RUN_USAGE                                                                                                 \
	"  -s, --source auto|probe|heap|go|none\n"                                                                \
	"                            probe: every malloc and free is counted; heap: what the heap says (glibc);\n" \
	"                            go: what Go's runtime says; none: the kernel's view alone; auto: of each\n"   \
	"                            process what tells most and costs it least (default)\n"                      \
	"      --per process|cgroup  a line per process or per cgroup (default: as the target is)\n"              \
	"      --trim-at [METRIC:]VALUE\n"                                                                        \
	"                            METRIC: alloc (default), gap, trimmable, rss, cgroup; VALUE: 100MiB, or\n"   \
	"                            90% of the cgroup's limit\n"                                                 \
	TRIM_USAGE                                                                                                \
	"      --cooldown DUR        the least time between two trims of one target (default 10s)\n"              \
	"      --max-overhead PCT    what probes may cost a process, of a core (default 5%; with --source probe no\n" \
	"                            bound): else they are taken away, and come back for samples only\n"          \
	"      --walk-budget PCT[,DUR]\n"                                                                         \
	"                            of a core, for looks into heaps; of a large one, so much at a time\n"        \
	"                            (default 1%,50ms)\n"                                                         \
	"      --max-blocks N        room for the blocks of allocators whose sizes must be remembered:\n"         \
	"                            jemalloc, tcmalloc, mimalloc (default 524288)\n"

/* The defaults. watch_options_free() is the caller's. */
void run_options_init(struct watch_options *options);
/* One of these options, or one that nobody knows: it is refused. Fails with EXIT_USAGE. */
int run_options_take(struct watch_options *options, int option, char *argv[], struct error *err);
/* When all options are there: whether they go together. options->trims set before: trims may be asked for without --trim-at. Fails with EXIT_USAGE. */
int run_options_complete(struct watch_options *options, struct error *err);
/* Fails with EXIT_USAGE where a reclaim has no cgroup to be for. */
int run_options_check_reclaim(const struct watch_options *options, struct error *err);

#endif
