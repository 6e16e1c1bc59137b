// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/governor.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/worker.h"
#include "user/cmd/groups.h"
#include "user/cmd/targets.h"

/* Between two looks at the counters. */
#define LOOK_NS 100000000ULL

struct governor {
	struct groups groups;
	struct worker *worker;
	struct loop *loop;
	struct watcher *done_watcher, *timer_watcher;
	int timer_fd;
	uint64_t shown_ns;
};

static void take_away(void *data)
{
	probes_taken_away(data);
}

static void measure(void *data)
{
	struct groups *groups = data;

	if (probes_measure_cost(groups->targets->probes, &groups->cost))
		log_debug("what a probe costs could not be measured");
}

/* What is to go goes, as soon as the worker is free; then the timer is set. */
static void go_on(struct governor *governor)
{
	struct taken_away *taken = worker_is_idle(governor->worker) ? groups_take_away(&governor->groups) : NULL;
	uint64_t next = groups_due(&governor->groups, monotonic_ns() + LOOK_NS);
	struct itimerspec timer = { .it_value = { (time_t)(next / 1000000000), (long)(next % 1000000000) } };

	if (taken)
		worker_start(governor->worker, take_away, taken);
	timerfd_settime(governor->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

static void look(void *data)
{
	struct governor *governor = data;
	uint64_t now;

	timer_take(governor->timer_fd);
	now = monotonic_ns();
	groups_look(&governor->groups, now);
	groups_step(&governor->groups, now);
	go_on(governor);
}

/* The kernel has taken them away, or the cost is known. */
static void done(void *data)
{
	struct governor *governor = data;
	uint64_t cpu_ns, now = monotonic_ns();

	if (worker_take(governor->worker, &cpu_ns) == &governor->groups)
		governor->groups.measured = true;
	groups_look(&governor->groups, now);
	groups_taken_away(&governor->groups, cpu_ns, now);
	go_on(governor);
}

void governor_interval(struct governor *governor)
{
	const struct targets *targets = governor->groups.targets;
	uint64_t now = monotonic_ns(), passed_ns = now - governor->shown_ns;

	if (!passed_ns)
		return;
	governor->shown_ns = now;
	groups_look(&governor->groups, now);
	for (size_t i = 0; i < targets->n_processes; i++) {
		struct governed *governed = &targets->processes[i]->governed;

		governed->overhead_percent =
			governed->group ? 100.0 * (double)(governed->cost_ns - governed->shown_cost_ns) / (double)passed_ns : NAN;
		governed->shown_cost_ns = governed->cost_ns;
	}
}

void governor_yield(struct governor *governor, pid_t translator)
{
	uint64_t now = monotonic_ns();

	groups_look(&governor->groups, now);
	groups_yield(&governor->groups, translator, now);
	go_on(governor);
}

void governor_forget(struct governor *governor, pid_t pid)
{
	groups_forget(&governor->groups, pid);
}

static void free_governor(struct governor *governor)
{
	groups_free(&governor->groups);
	if (governor->timer_watcher)
		loop_remove(governor->loop, governor->timer_watcher);
	if (governor->done_watcher)
		loop_remove(governor->loop, governor->done_watcher);
	if (governor->timer_fd >= 0)
		close(governor->timer_fd);
	free(governor);
}

int governor_open(struct targets *targets, double share, struct loop *loop, struct governor **ret)
{
	struct governor *governor = calloc(1, sizeof(*governor));
	int result = governor ? worker_open(&governor->worker) : -ENOMEM;

	if (result) {
		free(governor);
		return result;
	}
	governor->groups = (struct groups){ .targets = targets, .share = share, .cost = unknown_cost };
	governor->loop = loop;
	governor->shown_ns = monotonic_ns();
	governor->timer_fd = timer_open(LOOK_NS, 0);
	governor->done_watcher = loop_add(loop, worker_fd(governor->worker), done, governor);
	if (governor->timer_fd >= 0)
		governor->timer_watcher = loop_add(loop, governor->timer_fd, look, governor);
	if (!governor->done_watcher || !governor->timer_watcher) {
		worker_close(governor->worker, &(void *){ NULL });
		free_governor(governor);
		return -ENOMEM;
	}
	worker_start(governor->worker, measure, &governor->groups);
	*ret = governor;
	return 0;
}

bool governor_close(struct governor *governor)
{
	void *left; /* what the kernel was to take away: it does so when memgap ends */

	if (!governor)
		return true;
	if (!worker_close(governor->worker, &left))
		return false;
	free_governor(governor);
	return true;
}
