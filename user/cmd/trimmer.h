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
	struct output *output; /* that events are written to */
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
	struct trim_candidate asked[TRIM_PIDS_MAX]; /* as they were before */
	size_t n_gone; /* of them have exited since */
	int cgroup_fd; /* for memory.current, or -1 */
	int cgroup_version;
	int timer_fd;
	struct watcher *watcher;
};

void trimmer_init(struct trimmer *trimmer, struct trimmer_context *context);

/* What a trim needs of its row, asked for only when it is time. */
struct trim_source {
	/* Opens at most TRIM_PIDS_MAX candidates, the largest first; returns their number. */
	size_t (*list)(struct trim_candidate *candidates, void *data);
	int (*open_cgroup)(void *data); /* the directory, the trimmer's to close; -1: it has none */
	void *data;
};

/* Looks at a fresh snapshot, and trims when it is time. */
void trimmer_look(struct trimmer *trimmer, const struct snapshot *snapshot, int cgroup_version, const struct trim_source *source);

/* Ends a measurement with what was seen so far. */
void trimmer_finish(struct trimmer *trimmer);

#endif
