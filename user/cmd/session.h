/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A run over targets: they are opened, followed, looked into, sampled at each interval and trimmed, and what is seen goes to an
 * output. Each subcommand that shows something is such a run, and differs in what it does with that.
 */
#ifndef MEMGAP_CMD_SESSION_H
#define MEMGAP_CMD_SESSION_H

#include "user/base/error.h"
#include "user/base/loop.h"
#include "user/cmd/targets.h"
#include "user/cmd/trimmer.h"
#include "user/cmd/watch_options.h"
#include "user/output/output.h"

struct session;

/* Whose run it is. What is NULL is not called. */
struct session_user {
	struct output *output; /* snapshots and trims are given to it */
	void (*started)(void *data); /* the targets are known, nothing was given to the output yet */
	void (*interval)(void *data); /* all snapshots of an interval were given to it: instead of output_interval() */
	/*
	 * Something was given to the output. 0; -EPIPE: it is of no use any more, the run is to end quietly; else -errno, told already,
	 * by which the run has failed.
	 */
	int (*flush)(void *data);
	void *data;
	bool stays; /* it goes on when nothing is left to be watched */
};

/* A pid target or COMMAND, whose exit is waited for. */
struct exit_watch {
	struct session *session;
	struct watched_process *process;
	struct watcher *watcher;
};

struct session {
	const struct watch_options *options;
	struct session_user user;
	struct targets targets;
	struct trimmer_context trims;
	struct loop loop;    /* a user may add to it */
	uint64_t start_ns;   /* CLOCK_MONOTONIC */
	int64_t intervals;   /* over so far */
	size_t n_targets;    /* rows at the start */
	uint64_t missed;     /* events, as last seen, of all rows */
	size_t n_cgroups;    /* cgroup targets that are still there */
	enum exit_status status;
	int timer_fd, signal_fd;
	struct exit_watch *exits;
};

/* Closed, so that session_close() may be called whatever happened. */
void session_init(struct session *session);

/*
 * Opens all, COMMAND included; the options stay the caller's. Fails with the line to print; session_close() in any case.
 */
int session_open(struct session *session, const struct watch_options *options, const struct session_user *user, struct error *err);

/* Until it is interrupted, the intervals that were asked for are over, or nothing is left; session->status says how it went. */
void session_run(struct session *session);

/* false: a thread is still at work on what would be freed: all has been said, only _exit() is left. The output is needed no more. */
bool session_close(struct session *session);

/* A last line, or row, for each target, then session_run() returns: as if it had been interrupted. */
void session_end(struct session *session);

/* What the kernel side knows, and has counted, as of now. */
void session_catch_up(struct session *session);

/* For session.c, in session_events.c. What was given to the output goes out; false: it could not, and all is over. */
bool session_flush(struct session *session);
/* What was given to the output is all of an interval, or of the end. */
void session_interval(struct session *session);
/* Nobody is sent a signal from now on; who has been is told, and what is being measured is as far as it was seen. */
void session_end_trims(struct session *session);
/* Waits for the exits of pid targets and COMMAND. 0 or -errno; the caller frees session->exits. */
int session_watch_exits(struct session *session);

/* Callbacks, data being the session: an interval is over; the kernel has reported something; a trim is measured; SIGINT or SIGTERM. */
void session_tick(void *data);
void session_follow(void *data);
void session_measured(void *data);
void session_interrupted(void *data);

#endif
