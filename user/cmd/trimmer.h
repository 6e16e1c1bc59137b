/* SPDX-License-Identifier: GPL-2.0-only */
/* The trims of one row: decides at each snapshot, acts, then measures without holding up anything else. */
#ifndef MEMGAP_CMD_TRIMMER_H
#define MEMGAP_CMD_TRIMMER_H

#include <stdbool.h>

#include "user/base/loop.h"
#include "user/output/output.h"
#include "user/target/pid.h"
#include "user/trim/act.h"
#include "user/trim/decide.h"
#include "user/trim/measure.h"

/* A process that could be trimmed; pidfd is the trimmer's own. */
struct trim_candidate {
	struct pid_identity id;
	int64_t rss;
};

/* What all trimmers of a run share. */
struct trimmer_context {
	const struct trim_policy *policy;
	const struct trim_action *action;
	const struct output_format *format;
	int proc_fd;
	struct loop *loop;
	void (*measured)(void *data); /* called when a trim has been measured and printed */
	void *data;
	int running;       /* trims being measured */
	int64_t count;     /* signals sent, in rounds */
	int64_t reclaimed; /* bytes */
};

struct trimmer {
	struct trimmer_context *context;
	struct trim_summary summary;
	uint64_t last_ns;      /* CLOCK_MONOTONIC of the last attempt; 0: none */
	bool told_unknown;     /* that the metric is not known */
	char told_why[WHY_MAX]; /* the last refusal that was printed */
	/* while a trim is being measured: */
	bool measuring;
	struct trim_event event;
	struct measure measure;
	struct pid_identity asked[TRIM_PIDS_MAX];
	int cgroup_fd; /* for memory.current; the row's, or -1 */
	int cgroup_version;
	int timer_fd;
	struct watcher *watcher;
};

void trimmer_init(struct trimmer *trimmer, struct trimmer_context *context);

/*
 * Looks at a fresh snapshot; when it is time, calls list for the candidates, which opens at most
 * TRIM_PIDS_MAX of them (largest first) and returns their number.
 */
void trimmer_look(struct trimmer *trimmer, const struct snapshot *snapshot, int cgroup_fd, int cgroup_version,
		  size_t (*list)(struct trim_candidate *candidates, void *data), void *data);

/* Ends a measurement with what was seen so far. */
void trimmer_finish(struct trimmer *trimmer);

#endif
