// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_PER_ROUND 64

int loop_open(struct loop *loop)
{
	*loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	return loop->epoll_fd < 0 ? -errno : 0;
}

static void free_all(struct watchers *watchers)
{
	struct watcher *watcher;

	while ((watcher = LIST_FIRST(watchers))) {
		LIST_REMOVE(watcher, entry);
		free(watcher);
	}
}

void loop_close(struct loop *loop)
{
	free_all(&loop->watchers);
	free_all(&loop->removed);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	loop->epoll_fd = -1;
}

struct watcher *loop_add(struct loop *loop, int fd, loop_callback callback, void *data)
{
	struct watcher *watcher = malloc(sizeof(*watcher));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = watcher };

	if (!watcher)
		return NULL;
	*watcher = (struct watcher){ .fd = fd, .callback = callback, .data = data };
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
		free(watcher);
		return NULL;
	}
	LIST_INSERT_HEAD(&loop->watchers, watcher, entry);
	return watcher;
}

void loop_remove(struct loop *loop, struct watcher *watcher)
{
	if (!watcher)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watcher->fd, NULL);
	watcher->callback = NULL;
	LIST_REMOVE(watcher, entry);
	LIST_INSERT_HEAD(&loop->removed, watcher, entry);
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[EVENTS_PER_ROUND];

	while (!loop->stopped) {
		int n = epoll_wait(loop->epoll_fd, events, EVENTS_PER_ROUND, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && !loop->stopped; i++) {
			struct watcher *watcher = events[i].data.ptr;

			if (watcher->callback)
				watcher->callback(watcher->data);
		}
		free_all(&loop->removed);
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000U), .tv_nsec = (long)(ns % 1000000000U) };
}

int timer_open(uint64_t first_ns, uint64_t period_ns)
{
	/* a zero it_value would disarm the timer */
	struct itimerspec spec = { .it_value = timespec_of(first_ns ? first_ns : 1),
				   .it_interval = timespec_of(period_ns) };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (timerfd_settime(fd, 0, &spec, NULL)) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

uint64_t timer_take(int fd)
{
	uint64_t expirations;

	if (read(fd, &expirations, sizeof(expirations)) != sizeof(expirations) || !expirations)
		return 1;
	return expirations;
}
