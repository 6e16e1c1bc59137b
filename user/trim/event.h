/* SPDX-License-Identifier: GPL-2.0-only */
/* What is told of one trim: plain data, for the output formats. */
#ifndef MEMGAP_TRIM_EVENT_H
#define MEMGAP_TRIM_EVENT_H

#include "user/gap/snapshot.h"

#define TRIM_PIDS_MAX 64

enum trim_metric { METRIC_ALLOC, METRIC_GAP, METRIC_RSS, METRIC_CGROUP, METRIC_COUNT };

const char *metric_name(enum trim_metric metric);
const char *outcome_name(enum trim_outcome outcome);

struct trim_event {
	struct timespec now; /* CLOCK_REALTIME, when it was triggered */
	struct target_name target;
	struct {
		enum trim_metric metric;
		int64_t value, threshold; /* bytes */
	} reason;
	char action[32];            /* "signal:USR1" */
	pid_t pids[TRIM_PIDS_MAX];  /* that were signalled; the first ones if there were more */
	size_t n_pids;
	struct {
		int64_t rss;     /* of those processes together, bytes */
		int64_t current; /* of their cgroup, bytes; UNKNOWN when there is none */
	} before, after;
	int64_t reclaimed; /* bytes of rss that came back */
	double took_ms;    /* from the signal until rss stopped falling */
	enum trim_outcome outcome;
	char why[WHY_MAX];
};

#endif
