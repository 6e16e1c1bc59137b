/* SPDX-License-Identifier: GPL-2.0-only */
/* An event loop on epoll: one callback a file descriptor. */
#ifndef MEMGAP_BASE_LOOP_H
#define MEMGAP_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

LIST_HEAD(watchers, watcher);

struct loop {
	int epoll_fd;
	bool stopped;
	struct watchers watchers;
	struct watchers removed; /* freed after the round, events of the same round may still name them */
};

/* Called when fd is readable. */
typedef void (*loop_callback)(void *data);

struct watcher {
	int fd;
	loop_callback callback;
	void *data;
	LIST_ENTRY(watcher) entry;
};

int loop_open(struct loop *loop); /* 0 or -errno */
void loop_close(struct loop *loop); /* and removes what watchers are left */

/*
 * The fd stays the caller's, who removes the watcher before closing it. NULL: out of memory or fds.
 * A removed watcher is never called again.
 */
struct watcher *loop_add(struct loop *loop, int fd, loop_callback callback, void *data);
void loop_remove(struct loop *loop, struct watcher *watcher);

/* Serves events until loop_stop(); 0 or -errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* A timerfd that first fires after first_ns (0: at once), then each period_ns (0: never again); -errno. */
int timer_open(uint64_t first_ns, uint64_t period_ns);
/* Expirations since the last call, at least 1. Takes them off the fd. */
uint64_t timer_take(int fd);

#endif
