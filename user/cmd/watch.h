/* SPDX-License-Identifier: GPL-2.0-only */
/* What `memgap watch` is in the middle of, and what it does when something happens. */
#ifndef MEMGAP_CMD_WATCH_H
#define MEMGAP_CMD_WATCH_H

#include "user/base/error.h"
#include "user/base/loop.h"
#include "user/cmd/display.h"
#include "user/cmd/targets.h"
#include "user/cmd/trimmer.h"
#include "user/cmd/watch_options.h"

struct watch;

/* A pid target or COMMAND, whose exit is waited for. */
struct exit_watch {
	struct watch *watch;
	struct watched_process *process;
	struct watcher *watcher;
};

struct watch {
	struct watch_options options;
	struct targets targets;
	struct trimmer_context trims;
	struct loop loop;
	struct display display;
	uint64_t start_ns;
	int64_t intervals;   /* printed so far */
	size_t n_targets;    /* rows at the start */
	uint64_t missed;     /* as last seen, of all rows */
	size_t n_cgroups;    /* cgroup targets that are still there */
	enum exit_status status;
	int timer_fd, signal_fd;
	struct exit_watch *exits;
};

/* What is printed so far goes out. false: it could not, and all is over. */
bool watch_flush(struct watch *watch);
/* What the kernel side knows, and has counted, as of now. */
void watch_catch_up(struct watch *watch);
/* Waits for the exits of pid targets and COMMAND. 0 or -errno; the caller frees watch->exits. */
int watch_exits(struct watch *watch);

/* Callbacks, data being the watch: an interval is over; the kernel has reported something; a trim is measured; SIGINT or SIGTERM. */
void watch_tick(void *data);
void watch_follow(void *data);
void watch_measured(void *data);
void watch_interrupted(void *data);

#endif
