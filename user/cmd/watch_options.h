/* SPDX-License-Identifier: GPL-2.0-only */
/* What a session is to do, and the command line of `memgap watch`. */
#ifndef MEMGAP_CMD_WATCH_OPTIONS_H
#define MEMGAP_CMD_WATCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/allocator/probes.h"
#include "user/base/error.h"
#include "user/cmd/target_options.h"
#include "user/cmd/trim_options.h"
#include "user/output/output.h"
#include "user/trim/decide.h"

enum per { PER_TARGET, PER_PROCESS, PER_CGROUP }; /* PER_TARGET: cgroups as cgroups, pids as processes */

struct watch_options {
	struct target_options targets;
	char *const *command; /* NULL-terminated; NULL: none */
	uint64_t interval_ns;
	int64_t count;        /* intervals; 0: endless */
	const struct output_format *format; /* NULL: the default, for one target or for several */
	const char *source;   /* as it was written */
	bool probes;          /* --source auto or probe, and something to probe was named */
	bool insists;         /* --source probe: what was live before is not asked of the heap */
	bool heap;            /* heaps are looked into: --source auto, probe or heap */
	bool go;              /* Go's runtime is: --source auto or go */
	double max_overhead;  /* the part of the time that probes may cost a process; INFINITY: there is no bound */
	double walk_share;    /* of a core, that looks into heaps may take, */
	uint64_t walk_slice_ns; /* and of a large one, so much in each second */
	enum per per;
	const char *record;   /* path, or NULL */
	struct probes_limits limits;
	struct trim_policy policy;
	struct trim_options trim;
	bool trims;           /* there may be any */
	uint64_t regrowth_ns; /* after such a time what is back of one is looked at; 0: never */
	bool cooldown_given;
	bool help;
};

extern const char watch_usage[];

/* Fails with EXIT_USAGE. What it points to is argv's, but for the targets' two arrays: watch_options_free(). */
int watch_options_parse(int argc, char *argv[], struct watch_options *ret, struct error *err);
void watch_options_free(struct watch_options *options);

#endif
