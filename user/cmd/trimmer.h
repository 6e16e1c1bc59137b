/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trims of one row: decides at each snapshot, has something done, then measures without holding up anything else.
 *
 * Of a cgroup the processes with most to give are asked first, one after the other, each measured before the next, until the
 * cgroup is below its threshold: that is a round.
 */
#ifndef MEMGAP_CMD_TRIMMER_H
#define MEMGAP_CMD_TRIMMER_H

#include <stdbool.h>

#include "user/base/loop.h"
#include "user/output/output.h"
#include "user/target/pid.h"
#include "user/trim/act.h"
#include "user/trim/decide.h"
#include "user/trim/measure.h"

struct background;
struct gate;
struct regrowth;
struct trim_log;

/* Of several processes, one with less to give is not asked. */
#define LITTLE_BYTES (64 << 10)

/* A process that could be trimmed; pidfd is the trimmer's own. */
struct trim_candidate {
	struct pid_identity id;
	int64_t rss;
	int64_t trimmable; /* UNKNOWN: its heap was not looked into, or has changed since */
	int64_t most;      /* bytes: it cannot give more than that */
};

/* What all trimmers of a run share. What is NULL is not done. */
struct trimmer_context {
	const struct trim_policy *policy;
	const struct trim_action *action;
	struct output *output; /* that events are written to */
	struct trim_log *log;
	struct gate *gate;
	struct regrowth *regrowth;
	struct background *background;
	int proc_fd;
	struct loop *loop;
	void (*measured)(void *data); /* called when a trim has been measured and printed */
	void *data;
	int running;       /* rounds */
	int64_t count;     /* trims triggered */
	int64_t reclaimed; /* bytes */
	int64_t undone;    /* rounds, and requests, at whose end nobody had been asked, or it had failed */
	bool complete;     /* when all is closed: no line of the log is missing */
};

/* Whom a trim asks, and where it stands. */
struct trim_round {
	struct trim_judgement judgement;
	struct trim_action action; /* what is done in it */
	struct trim_candidate candidates[TRIM_PIDS_MAX];
	size_t n, next;            /* candidates; the next one to be asked */
	size_t asked;
	int64_t left;              /* bytes by which it is above the low mark; UNKNOWN: there is none */
	int64_t reclaimed;         /* bytes, of all that were asked */
};

struct trimmer {
	struct trimmer_context *context;
	struct trim_summary summary;
	struct trim_state state;
	bool told_unknown;      /* that the metric is not known */
	char told_why[WHY_MAX]; /* the last refusal that was printed */
	bool running;           /* a round, of which now this is being measured: */
	struct trim_round round;
	struct trim_event event;
	struct measure measure;
	uint64_t start_ns;      /* CLOCK_MONOTONIC: of the action */
	struct trim_candidate asked[TRIM_PIDS_MAX]; /* as they were before */
	size_t n_gone; /* of them have exited since */
	bool any_read; /* since the measurement began a reading of all that are there could be taken */
	int cgroup_fd; /* for memory.current, or -1 */
	int cgroup_version;
	int timer_fd;
	struct watcher *watcher;
};

void trimmer_init(struct trimmer *trimmer, struct trimmer_context *context);

/* What a trim needs of its row, asked for only when it is time. */
struct trim_source {
	/*
	 * Opens at most TRIM_PIDS_MAX candidates, those with most to give first; returns their number. err is written where some could
	 * not be looked at; else, of no candidates, none is left.
	 */
	size_t (*list)(struct trim_candidate *candidates, struct error *err, void *data);
	int (*open_cgroup)(void *data); /* the directory, the trimmer's to close; -1: it has none */
	void *data;
	int cgroup_version;
};

/*
 * Looks at a fresh snapshot, and trims when it is time. caller: CALLER_TICK; CALLER_CROSSING with the time since the threshold was
 * crossed.
 */
void trimmer_look(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_source *source, enum trim_caller caller,
		  double late_ms);

/* Trims now, whatever the threshold, if it can help. */
void trimmer_trim(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_source *source);

/* The same although its verdict says that it cannot help, as with --force. */
void trimmer_force(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_source *source);

/* The kernel side has sent the signal to a process of the row, in the midst of the allocation by which the threshold was crossed. */
struct trim_crossing {
	struct pid_identity id; /* pidfd the trimmer's from here on */
	int64_t rss;            /* before, bytes */
	int64_t value, threshold;
	double late_ms;         /* from the crossing to the signal */
};
void trimmer_crossed(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_crossing *crossing,
		     const struct trim_source *source);

/* Ends a round, and what is being measured with what was seen so far. */
void trimmer_finish(struct trimmer *trimmer);

#endif
