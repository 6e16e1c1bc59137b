/* SPDX-License-Identifier: GPL-2.0-only */
/* What is told of trims, and of decisions not to trim: plain data, for the output formats. */
#ifndef MEMGAP_TRIM_EVENT_H
#define MEMGAP_TRIM_EVENT_H

#include "user/gap/snapshot.h"
#include "user/trim/action.h"

#define TRIM_PIDS_MAX 64

enum trim_metric { METRIC_ALLOC, METRIC_GAP, METRIC_TRIMMABLE, METRIC_RSS, METRIC_CGROUP, METRIC_COUNT };

/* Who saw that it was time. */
enum trim_caller {
	CALLER_TICK,   /* the interval's look */
	CALLER_KERNEL, /* the BPF side, in the allocation that crossed the threshold, and it has sent the signal */
	CALLER_CROSSING, /* the BPF side as well, but it was not for it to do: the loader did, at once */
	CALLER_USER,   /* `memgap trim` */
};

enum trim_decision {
	TRIM_BELOW,       /* nothing is to be done */
	TRIM_CANNOT_TELL, /* the metric or the limit is not known */
	TRIM_AWAITED,     /* what it holds has not been looked into yet */
	TRIM_HELPLESS,    /* past the threshold, but its verdict says that a trim cannot help */
	TRIM_COOLING,     /* asked so lately, or so often in vain, that it is not asked again yet */
	TRIM_BUSY,        /* the one before is still being measured */
	TRIM_NOW,
};

const char *metric_name(enum trim_metric metric);
const char *outcome_name(enum trim_outcome outcome);
const char *caller_name(enum trim_caller caller);
const char *decision_name(enum trim_decision decision);

/* Why it was looked at; bytes, UNKNOWN where not known. */
struct trim_reason {
	enum trim_metric metric;
	int64_t value, threshold; /* UNKNOWN: asked for by the user, without any */
};

struct trim_event {
	struct timespec now; /* CLOCK_REALTIME, when it was triggered */
	struct target_name target;
	struct trim_reason reason;
	enum verdict verdict;
	enum trim_caller caller;
	double late_ms;             /* from the crossing to the action; by a tick: at most; NAN: not known */
	char action[ACTION_TEXT_MAX]; /* "signal:USR1" */
	pid_t pids[TRIM_PIDS_MAX];  /* that were asked; the first ones if there were more */
	size_t n_pids;
	int64_t predicted;          /* bytes that the allocator, or the page cache, can give back */
	struct {
		int64_t rss;     /* of those processes together, bytes */
		int64_t current; /* of their cgroup, bytes; UNKNOWN when there is none */
	} before, after;
	int64_t reclaimed; /* bytes of rss that came back; by reclaim, of current */
	double took_ms;    /* from the action until rss stopped falling */
	enum trim_outcome outcome;
	char why[WHY_MAX];
};

/* What has come of a trim some time later. */
struct trim_regrowth {
	struct timespec now; /* CLOCK_REALTIME, of this */
	struct target_name target;
	pid_t pid;         /* that was asked, the first of them; 0: its cgroup was */
	pid_t gone;        /* one of them that has exited since; 0: none */
	bool unread;       /* one of them could not be read, for want of descriptors or memory */
	double after_s;    /* seconds since it was measured */
	int64_t reclaimed; /* bytes, then */
	int64_t regrown;   /* bytes of rss, or of current, that are back since; below 0: it went on to fall */
};

/* A look at a target, and what was decided. */
struct trim_look {
	struct timespec now; /* CLOCK_REALTIME */
	struct target_name target;
	struct trim_reason reason;
	enum verdict verdict;
	enum trim_decision decision;
	char why[WHY_MAX]; /* "" where the figures say it all */
};

/* Percent of the prediction by which a trim missed it, above or below; NAN where there is none. */
double trim_prediction_error(const struct trim_event *event);

#endif
