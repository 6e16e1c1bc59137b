// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/governor.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/worker.h"
#include "user/cmd/governed.h"
#include "user/cmd/strangers.h"
#include "user/cmd/targets.h"
#include "user/kernel/cpu_clock.h"

/* Between two looks at the counters, which cost no system call. */
#define LOOK_NS 100000000ULL

/* How long probes are back to see how much is going on. */
#define WINDOW_NS 20000000ULL

/* The first window comes soon: until then nobody knows more than what was seen before. */
#define FIRST_PAUSE_NS 200000000ULL

/* Where they cannot be put back (the file has changed), the next try. */
#define FAILURE_PAUSE_NS 60000000000ULL

#define MAX_LEAVING 64

struct governor {
	struct targets *targets;
	double share;
	struct worker *worker;
	struct loop *loop;
	struct watcher *done_watcher, *timer_watcher;
	int timer_fd;
	uint64_t shown_ns;
	struct probe_cost cost; /* of a hit: measured in the worker, first of all */
	bool measured;
	struct group *groups;
	struct strangers strangers;
};

static struct group *find_group(const struct governor *governor, probe_group key)
{
	struct group *group = governor->groups;

	while (group && (group->orphaned || group->key != key))
		group = group->next;
	return group;
}

/* NULL: out of memory. */
static struct group *get_group(struct governor *governor, probe_group key)
{
	struct group *group = find_group(governor, key);

	if (group)
		return group;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->key = key;
	group->share = governor->share;
	calm_begin(&group->calm);
	group->next = governor->groups;
	governor->groups = group;
	return group;
}

static void note_dearest(struct group *group, pid_t pid, const char *comm, double percent)
{
	if (group->state != GROUP_ON || percent <= group->dearest.percent)
		return;
	group->dearest.pid = pid;
	group->dearest.percent = percent;
	snprintf(group->dearest.comm, sizeof(group->dearest.comm), "%s", comm);
}

static void look_at_process(struct governor *governor, struct watched_process *process, uint64_t now)
{
	struct governed *governed = &process->governed;
	struct probes *probes = governor->targets->probes;
	const struct memgap_process *record = probes_record(probes, process->id.pid, &governed->record);
	struct group *group = record && governor->measured ? get_group(governor, governor->targets->everyone ? 0 : process->id.pid) : NULL;
	struct call_cost cost;
	int64_t cost_ns;

	if (!group)
		return;
	cost = probes_call_cost(probes, &governor->cost, process->allocator.library);
	cost_ns = governed_look(governor->targets, process, group, record, &cost, now);
	if (group->state == GROUP_ON && !budget_spend(&governed->budget, group->share, now, cost_ns) && now > governed->before_ns)
		note_dearest(group, process->id.pid, process->id.comm, 100.0 * (double)cost_ns / (double)(now - governed->before_ns));
}

/* Nobody knows which of its calls it was: a pair has two hits. */
static int64_t cost_of_stranger(void *data, uint32_t library)
{
	const struct governor *governor = data;
	struct call_cost cost = probes_call_cost(governor->targets->probes, &governor->cost, library);

	return (cost.malloc_ns + cost.free_ns) / 2;
}

static void note_stranger(void *data, const struct stranger *stranger, double percent)
{
	struct group *group = get_group(data, 0);

	if (group)
		note_dearest(group, (pid_t)stranger->who.pid, "not watched, but maps the same library", percent);
}

static void look_at_all(struct governor *governor, uint64_t now)
{
	const struct strangers_look look = { cost_of_stranger, note_stranger, governor, governor->share };

	for (size_t i = 0; i < governor->targets->n_processes; i++)
		look_at_process(governor, governor->targets->processes[i], now);
	if (governor->targets->everyone && governor->measured)
		strangers_look(&governor->strangers, governor->targets, &look, now);
}

/* Each process that pays for a group, from the first (NULL) on. */
static struct watched_process *next_of(const struct governor *governor, const struct group *group, size_t *at)
{
	for (; *at < governor->targets->n_processes; ++*at)
		if (governor->targets->processes[*at]->governed.group == group)
			return governor->targets->processes[(*at)++];
	return NULL;
}

static void leave(struct governor *governor, struct group *group, bool from_window, uint64_t now)
{
	struct watched_process *process;

	group->from_window = from_window;
	for (size_t at = 0; (process = next_of(governor, group, &at));)
		governed_begin_hole(governor->targets, process, now);
	group->state = GROUP_LEAVING;
	group->taken = false;
}

static void tell_gone(const struct governor *governor, const struct group *group)
{
	log_message("pid %d (%s) pays %.0f %% of a core for its probes, more than --max-overhead %g%%: taken away%s, but for samples",
		    group->dearest.pid, group->dearest.comm, group->dearest.percent, 100 * governor->share,
		    group->key ? "" : " for all who map the libraries");
}

static void tell_back(const struct governor *governor, const struct group *group)
{
	size_t at = 0;
	const struct watched_process *process = next_of(governor, group, &at);

	if (process)
		log_message("pid %d (%s)%s: the probes are back, they fit --max-overhead again", process->id.pid, process->id.comm,
			    group->key ? "" : " and others");
}

static int64_t dearest_window(const struct governor *governor, const struct group *group)
{
	const struct watched_process *process;
	int64_t most = 0;

	for (size_t at = 0; (process = next_of(governor, group, &at));)
		if (process->governed.window_cost_ns > most)
			most = process->governed.window_cost_ns;
	if (!group->key && strangers_dearest(&governor->strangers) > most)
		most = strangers_dearest(&governor->strangers);
	return most;
}

static void end_window(struct governor *governor, struct group *group, uint64_t now)
{
	struct watched_process *process;

	if (!calm_window(&group->calm, group->share, now, now - group->since_ns, dearest_window(governor, group))) {
		leave(governor, group, true, now);
		return;
	}
	group->state = GROUP_ON;
	for (size_t at = 0; (process = next_of(governor, group, &at));)
		budget_begin(&process->governed.budget, group->share, now);
	tell_back(governor, group);
}

static void begin_window(struct governor *governor, struct group *group)
{
	int64_t cpu_ns = cpu_clock_of(getpid());
	int result = probes_put_back(governor->targets->probes, group->key);
	struct watched_process *process;
	uint64_t now = monotonic_ns();

	if (result) {
		log_debug("probes cannot be put back: %s", strerror(-result));
		group->next_ns = now + FAILURE_PAUSE_NS;
		return;
	}
	group->own_cost_ns = (uint64_t)(cpu_clock_of(getpid()) - cpu_ns);
	group->state = GROUP_WINDOW;
	group->since_ns = now;
	strangers_begin_window(&governor->strangers);
	group->next_ns = now + WINDOW_NS;
	for (size_t at = 0; (process = next_of(governor, group, &at));) {
		look_at_process(governor, process, now);
		if (process->governed.group == group && process->governed.holes.away)
			governed_end_hole(process);
	}
}

static void look_at_group(struct governor *governor, struct group *group, uint64_t now)
{
	if (group->state == GROUP_ON && group->dearest.percent > 0) {
		calm_end(&group->calm, now);
		tell_gone(governor, group);
		leave(governor, group, false, now);
	} else if (group->state == GROUP_WINDOW && now >= group->next_ns) {
		end_window(governor, group, now);
	} else if (group->state == GROUP_AWAY && now >= group->next_ns) {
		begin_window(governor, group);
	}
	group->dearest.percent = 0;
}

static void take_away(void *data)
{
	probes_taken_away(data);
}

static void measure(void *data)
{
	struct governor *governor = data;

	if (probes_measure_cost(governor->targets->probes, &governor->cost))
		log_debug("what a probe costs could not be measured");
}

/* All that are to go, in one go: the kernel waits for each, and those waits overlap. */
static void start_leaving(struct governor *governor)
{
	probe_group keys[MAX_LEAVING];
	struct taken_away *taken;
	size_t n = 0;

	if (!worker_is_idle(governor->worker))
		return;
	for (const struct group *group = governor->groups; group && n < MAX_LEAVING; group = group->next)
		if (group->state == GROUP_LEAVING)
			keys[n++] = group->key;
	if (!n || probes_take_away(governor->targets->probes, keys, n, &taken))
		return; /* out of memory: at the next look */
	for (struct group *group = governor->groups; group && n; group = group->next)
		if (group->state == GROUP_LEAVING) {
			group->taken = true;
			n--;
		}
	worker_start(governor->worker, take_away, taken);
}

/* When something is to be done next. */
static void arm(struct governor *governor)
{
	uint64_t now = monotonic_ns(), next = now + LOOK_NS;
	struct itimerspec timer = { 0 };

	for (const struct group *group = governor->groups; group; group = group->next)
		if ((group->state == GROUP_WINDOW || group->state == GROUP_AWAY) && group->next_ns < next)
			next = group->next_ns;
	timer.it_value.tv_sec = (time_t)(next / 1000000000);
	timer.it_value.tv_nsec = (long)(next % 1000000000);
	timerfd_settime(governor->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

static void look(void *data)
{
	struct governor *governor = data;
	uint64_t now;

	timer_take(governor->timer_fd);
	now = monotonic_ns();
	look_at_all(governor, now);
	for (struct group *group = governor->groups; group; group = group->next)
		look_at_group(governor, group, now);
	start_leaving(governor);
	arm(governor);
}

static void drop_orphans(struct governor *governor)
{
	for (struct group **at = &governor->groups; *at;) {
		struct group *group = *at;

		if (group->orphaned && group->taken) {
			probes_drop(governor->targets->probes, group->key);
			*at = group->next;
			free(group);
		} else {
			at = &group->next;
		}
	}
}

/* The kernel has taken them away. */
static void done(void *data)
{
	struct governor *governor = data;
	uint64_t cpu_ns, now = monotonic_ns(), pause_ns;

	if (worker_take(governor->worker, &cpu_ns) == governor)
		governor->measured = true;
	look_at_all(governor, now);
	drop_orphans(governor);
	for (struct group *group = governor->groups; group; group = group->next) {
		if (group->state != GROUP_LEAVING || !group->taken)
			continue;
		pause_ns = window_pause_ns(group->share, dearest_window(governor, group), group->own_cost_ns + cpu_ns);
		group->state = GROUP_AWAY;
		group->next_ns = now + (group->from_window ? pause_ns : FIRST_PAUSE_NS);
	}
	start_leaving(governor);
	arm(governor);
}

void governor_interval(struct governor *governor)
{
	uint64_t now = monotonic_ns(), passed_ns = now - governor->shown_ns;

	if (!passed_ns)
		return;
	governor->shown_ns = now;
	look_at_all(governor, now);
	for (size_t i = 0; i < governor->targets->n_processes; i++) {
		struct governed *governed = &governor->targets->processes[i]->governed;

		governed->overhead_percent =
			governed->group ? 100.0 * (double)(governed->cost_ns - governed->shown_cost_ns) / (double)passed_ns : NAN;
		governed->shown_cost_ns = governed->cost_ns;
	}
}

void governor_forget(struct governor *governor, pid_t pid)
{
	for (struct group **at = &governor->groups; *at; at = &(*at)->next) {
		struct group *group = *at;

		if (group->key != pid)
			continue;
		/* what is being taken away for it is waited for */
		group->orphaned = group->state == GROUP_LEAVING;
		if (group->orphaned)
			return;
		if (group->state == GROUP_AWAY)
			probes_drop(governor->targets->probes, pid);
		*at = group->next;
		free(group);
		return;
	}
}

static void free_governor(struct governor *governor)
{
	while (governor->groups) {
		struct group *group = governor->groups;

		governor->groups = group->next;
		free(group);
	}
	strangers_free(&governor->strangers);
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
	governor->targets = targets;
	governor->share = share;
	governor->loop = loop;
	governor->shown_ns = monotonic_ns();
	governor->cost = unknown_cost;
	governor->timer_fd = timer_open(LOOK_NS, 0);
	governor->done_watcher = loop_add(loop, worker_fd(governor->worker), done, governor);
	if (governor->timer_fd >= 0)
		governor->timer_watcher = loop_add(loop, governor->timer_fd, look, governor);
	if (!governor->done_watcher || !governor->timer_watcher) {
		worker_close(governor->worker, &(void *){ NULL });
		free_governor(governor);
		return -ENOMEM;
	}
	worker_start(governor->worker, measure, governor);
	*ret = governor;
	return 0;
}

bool governor_close(struct governor *governor)
{
	void *left; /* of a job that is done: what it worked on is gone */

	if (!governor)
		return true;
	if (!worker_close(governor->worker, &left))
		return false;
	free_governor(governor);
	return true;
}
