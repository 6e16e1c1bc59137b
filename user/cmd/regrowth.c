// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/regrowth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/cmd/trimmer.h"
#include "user/kernel/cgroup.h"
#include "user/kernel/status.h"

/* Trims waited for at a time: each holds a file descriptor. */
#define MOST_WAITING 256

TAILQ_HEAD(trims, past_trim);

struct asked_process {
	pid_t pid;
	uint64_t start_time;
};

struct past_trim {
	uint64_t measured_ns;
	struct trim_regrowth told; /* as far as it is known */
	int64_t after;             /* bytes of rss, or of current, then */
	int cgroup_fd, cgroup_version;
	TAILQ_ENTRY(past_trim) entry;
	size_t n_asked; /* that were alive then; 0: the cgroup was */
	struct asked_process asked[];
};

struct regrowth {
	uint64_t after_ns;
	int proc_fd, timer_fd;
	struct loop *loop;
	struct watcher *watcher;
	struct output *output;
	struct trim_log *log;
	void (*done)(void *data);
	void *data;
	struct trims trims; /* the oldest first: each waits for the same time */
	size_t n;
};

static void forget(struct regrowth *regrowth, struct past_trim *trim)
{
	TAILQ_REMOVE(&regrowth->trims, trim, entry);
	regrowth->n--;
	if (trim->cgroup_fd >= 0)
		close(trim->cgroup_fd);
	free(trim);
}

/* 0, -ESRCH when it is gone, or -errno. */
static int read_rss(const struct regrowth *regrowth, const struct asked_process *process, int64_t *ret)
{
	struct process_status status;
	struct pid_stat stat;
	int result = process_status_read(regrowth->proc_fd, process->pid, &status);

	if (!result)
		result = pid_stat_read(regrowth->proc_fd, process->pid, &stat);
	*ret = result ? UNKNOWN : status.rss;
	return result ? result : stat.start_time == process->start_time ? 0 : -ESRCH;
}

/* Bytes; UNKNOWN when it is gone, or one of them, or cannot be read: how much of what is back was its own is not known. */
static int64_t read_now(const struct regrowth *regrowth, struct past_trim *trim)
{
	int64_t sum = 0;

	if (!trim->n_asked)
		return cgroup_current_read(trim->cgroup_fd, trim->cgroup_version);
	for (size_t i = 0; i < trim->n_asked; i++) {
		int64_t rss;
		int result = read_rss(regrowth, &trim->asked[i], &rss);

		trim->told.unread |= fs_is_short(result);
		if (result && !fs_is_short(result))
			trim->told.gone = trim->asked[i].pid;
		sum = known_add(sum, result ? UNKNOWN : rss);
	}
	return sum;
}

static void tell(struct regrowth *regrowth, struct past_trim *trim)
{
	clock_gettime(CLOCK_REALTIME, &trim->told.now);
	trim->told.after_s = (double)(monotonic_ns() - trim->measured_ns) / 1e9;
	trim->told.regrown = known_sub(read_now(regrowth, trim), trim->after);
	output_trim_regrown(regrowth->output, &trim->told);
	trim_log_regrowth(regrowth->log, &trim->told);
}

static void set_timer(struct regrowth *regrowth)
{
	const struct past_trim *first = TAILQ_FIRST(&regrowth->trims);
	uint64_t due = first ? first->measured_ns + regrowth->after_ns : 0;
	struct itimerspec at = { .it_value = { (time_t)(due / 1000000000), (long)(due % 1000000000) } };

	timerfd_settime(regrowth->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void look(void *data)
{
	struct regrowth *regrowth = data;
	struct past_trim *trim;

	timer_take(regrowth->timer_fd);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): that TAILQ_REMOVE() changes what TAILQ_FIRST() finds is not seen */
	while ((trim = TAILQ_FIRST(&regrowth->trims)) && monotonic_ns() - trim->measured_ns >= regrowth->after_ns) {
		tell(regrowth, trim);
		forget(regrowth, trim);
	}
	set_timer(regrowth);
	regrowth->done(regrowth->data);
}

int regrowth_open(uint64_t after_ns, int proc_fd, struct loop *loop, struct output *output, struct trim_log *log,
		  void (*done)(void *data), void *data, struct regrowth **ret)
{
	struct regrowth *regrowth = calloc(1, sizeof(*regrowth));

	if (!regrowth)
		return -ENOMEM;
	*regrowth = (struct regrowth){ .after_ns = after_ns, .proc_fd = proc_fd, .loop = loop, .output = output, .log = log,
				       .done = done, .data = data };
	TAILQ_INIT(&regrowth->trims);
	regrowth->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (regrowth->timer_fd >= 0)
		regrowth->watcher = loop_add(loop, regrowth->timer_fd, look, regrowth);
	if (!regrowth->watcher) {
		if (regrowth->timer_fd >= 0)
			close(regrowth->timer_fd);
		free(regrowth);
		return -EMFILE;
	}
	*ret = regrowth;
	return 0;
}

void regrowth_close(struct regrowth *regrowth)
{
	if (!regrowth)
		return;
	while (regrowth_pending(regrowth))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): that TAILQ_REMOVE() changes what TAILQ_FIRST() finds is not seen */
		forget(regrowth, TAILQ_FIRST(&regrowth->trims));
	loop_remove(regrowth->loop, regrowth->watcher);
	close(regrowth->timer_fd);
	free(regrowth);
}

void regrowth_watch(struct regrowth *regrowth, const struct trim_event *event, const struct trim_candidate *asked, int cgroup_fd,
		    int cgroup_version)
{
	size_t room = event->n_pids * sizeof(struct asked_process);
	struct past_trim *trim = regrowth && regrowth->n < MOST_WAITING ? calloc(1, sizeof(*trim) + room) : NULL;

	if (!trim)
		return;
	*trim = (struct past_trim){
		.measured_ns = monotonic_ns(),
		.told = { .target = event->target, .pid = event->n_pids ? event->pids[0] : 0, .reclaimed = event->reclaimed },
		.after = event->n_pids ? event->after.rss : event->after.current,
		.cgroup_fd = event->n_pids ? -1 : fcntl(cgroup_fd, F_DUPFD_CLOEXEC, 0),
		.cgroup_version = cgroup_version,
	};
	for (size_t i = 0; i < event->n_pids; i++)
		if (asked[i].id.pidfd >= 0)
			trim->asked[trim->n_asked++] = (struct asked_process){ asked[i].id.pid, asked[i].id.start_time };
	if (!event->n_pids && trim->cgroup_fd < 0) {
		free(trim);
		return;
	}
	TAILQ_INSERT_TAIL(&regrowth->trims, trim, entry);
	if (!regrowth->n++)
		set_timer(regrowth);
}

bool regrowth_pending(const struct regrowth *regrowth)
{
	return regrowth && regrowth->n;
}
