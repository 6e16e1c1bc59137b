// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/groups.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/allocator/translator.h"
#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/cmd/targets.h"
#include "user/kernel/cpu_clock.h"

/* How long probes are back to see how much is going on. */
#define WINDOW_NS 20000000ULL

/* The first window comes soon: until then nobody knows more than what was seen before. */
#define FIRST_PAUSE_NS 200000000ULL

/* Where they cannot be put back (the file has changed), the next try. */
#define FAILURE_PAUSE_NS 60000000000ULL

/* A translator that has begun has mapped within that time what it runs; the next look whether it has. */
#define SETTLING_NS 10000000000ULL
#define YIELD_PAUSE_NS 1000000000ULL

/* Taken away at one time; the others come next. */
#define MAX_LEAVING 64

/* NULL: out of memory. */
static struct group *get_group(struct groups *groups, probe_group key)
{
	struct group *group = groups->list;

	while (group && (group->orphaned || group->key != key))
		group = group->next;
	if (group)
		return group;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->key = key;
	group->share = groups->share;
	calm_begin(&group->calm);
	group->next = groups->list;
	groups->list = group;
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

static void look_at_process(struct groups *groups, struct watched_process *process, uint64_t now)
{
	struct governed *governed = &process->governed;
	struct probes *probes = groups->targets->probes;
	/* of one that was found by looking into its cgroup there is none */
	const struct memgap_process *record = process->scanned ? NULL : probes_record(probes, process->id.pid, &governed->record);
	struct group *group = record && groups->measured ? get_group(groups, groups->targets->everyone ? 0 : process->id.pid) : NULL;
	int64_t cost_ns;

	if (!group)
		return;
	cost_ns = governed_look(groups->targets, process, group, record, &groups->cost, now);
	if (group->state == GROUP_ON && !budget_spend(&governed->budget, group->share, now, cost_ns) && now > governed->before_ns)
		note_dearest(group, process->id.pid, process->id.comm, 100.0 * (double)cost_ns / (double)(now - governed->before_ns));
}

/* Nobody knows which of its calls it was: a pair has two hits. */
static int64_t cost_of_stranger(void *data, uint32_t library)
{
	const struct groups *groups = data;
	struct call_cost cost = probes_call_cost(groups->targets->probes, &groups->cost, library);

	return (cost.malloc_ns + cost.free_ns) / 2;
}

static void note_stranger(void *data, const struct stranger *stranger, double percent)
{
	struct group *group = get_group(data, 0);

	if (group)
		note_dearest(group, (pid_t)stranger->who.pid, "not watched, but maps the same library", percent);
}

void groups_look(struct groups *groups, uint64_t now)
{
	const struct strangers_look look = { cost_of_stranger, note_stranger, groups, groups->share };

	for (size_t i = 0; i < groups->targets->n_processes; i++)
		look_at_process(groups, groups->targets->processes[i], now);
	if (groups->targets->everyone && groups->measured)
		strangers_look(&groups->strangers, groups->targets, &look, now);
}

/* Each process that pays for a group, from the first (NULL) on. */
static struct watched_process *next_of(const struct groups *groups, const struct group *group, size_t *at)
{
	for (; *at < groups->targets->n_processes; ++*at)
		if (groups->targets->processes[*at]->governed.group == group)
			return groups->targets->processes[(*at)++];
	return NULL;
}

static void leave(struct groups *groups, struct group *group, bool from_window, uint64_t now)
{
	struct watched_process *process;

	group->from_window = from_window;
	for (size_t at = 0; (process = next_of(groups, group, &at));)
		governed_begin_hole(groups->targets, process, now);
	group->state = GROUP_LEAVING;
	group->taken = false;
}

static void tell_gone(const struct groups *groups, const struct group *group)
{
	log_message("pid %d (%s) pays %.0f %% of a core for its probes, more than --max-overhead %g%%: taken away%s, but for samples",
		    group->dearest.pid, group->dearest.comm, group->dearest.percent, 100 * groups->share,
		    group->key ? "" : " for all who map the libraries");
}

static void tell_back(const struct groups *groups, const struct group *group)
{
	size_t at = 0;
	const struct watched_process *process = next_of(groups, group, &at);

	if (process)
		log_message("pid %d (%s)%s: the probes are back%s", process->id.pid, process->id.comm, group->key ? "" : " and others",
			    isinf(groups->share) ? "" : ", they fit --max-overhead again");
}

static int64_t dearest_window(const struct groups *groups, const struct group *group)
{
	const struct watched_process *process;
	int64_t most = 0;

	for (size_t at = 0; (process = next_of(groups, group, &at));)
		if (process->governed.window_cost_ns > most)
			most = process->governed.window_cost_ns;
	if (!group->key && strangers_dearest(&groups->strangers) > most)
		most = strangers_dearest(&groups->strangers);
	return most;
}

static void end_window(struct groups *groups, struct group *group, uint64_t now)
{
	struct watched_process *process;

	if (!calm_window(&group->calm, group->share, now, now - group->since_ns, dearest_window(groups, group)) && !group->yielded) {
		leave(groups, group, true, now);
		return;
	}
	group->yielded = false;
	group->state = GROUP_ON;
	for (size_t at = 0; (process = next_of(groups, group, &at));)
		budget_begin(&process->governed.budget, group->share, now);
	tell_back(groups, group);
}

/* One that has begun a moment ago may map next what it runs. */
static bool is_settling(const struct groups *groups, const struct group *group, uint64_t now)
{
	return group->yields_to && now - group->yielded_ns < SETTLING_NS && translator_is(groups->targets->proc_fd, group->yields_to);
}

static void begin_window(struct groups *groups, struct group *group)
{
	int64_t cpu_ns = cpu_clock_of(getpid());
	int result = is_settling(groups, group, monotonic_ns()) ? TRANSLATOR_MAPS_IT : probes_put_back(groups->targets->probes, group->key);
	struct watched_process *process;
	uint64_t now = monotonic_ns();

	if (result) {
		log_debug("probes cannot be put back: %s", strerror(-result));
		group->next_ns = now + (result == TRANSLATOR_MAPS_IT ? YIELD_PAUSE_NS : FAILURE_PAUSE_NS);
		return;
	}
	group->own_cost_ns = (uint64_t)(cpu_clock_of(getpid()) - cpu_ns);
	group->yields_to = 0;
	group->state = GROUP_WINDOW;
	group->since_ns = now;
	strangers_begin_window(&groups->strangers);
	group->next_ns = now + WINDOW_NS;
	for (size_t at = 0; (process = next_of(groups, group, &at));) {
		look_at_process(groups, process, now);
		if (process->governed.group == group && process->governed.holes.away)
			governed_end_hole(groups->targets, process);
	}
}

static void step(struct groups *groups, struct group *group, uint64_t now)
{
	if (group->state == GROUP_ON && group->dearest.percent > 0) {
		calm_end(&group->calm, now);
		tell_gone(groups, group);
		leave(groups, group, false, now);
	} else if (group->state == GROUP_WINDOW && now >= group->next_ns) {
		end_window(groups, group, now);
	} else if (group->state == GROUP_AWAY && now >= group->next_ns) {
		begin_window(groups, group);
	}
	group->dearest.percent = 0;
}

void groups_step(struct groups *groups, uint64_t now)
{
	for (struct group *group = groups->list; group; group = group->next)
		step(groups, group, now);
}

uint64_t groups_due(const struct groups *groups, uint64_t latest)
{
	for (const struct group *group = groups->list; group; group = group->next)
		if ((group->state == GROUP_WINDOW || group->state == GROUP_AWAY) && group->next_ns < latest)
			latest = group->next_ns;
	return latest;
}

struct taken_away *groups_take_away(struct groups *groups)
{
	probe_group keys[MAX_LEAVING];
	struct taken_away *taken;
	size_t n = 0;

	for (const struct group *group = groups->list; group && n < MAX_LEAVING; group = group->next)
		if (group->state == GROUP_LEAVING)
			keys[n++] = group->key;
	if (!n || probes_take_away(groups->targets->probes, keys, n, &taken))
		return NULL; /* out of memory: at the next look */
	for (struct group *group = groups->list; group && n; group = group->next)
		if (group->state == GROUP_LEAVING) {
			group->taken = true;
			n--;
		}
	return taken;
}

static void drop_orphans(struct groups *groups)
{
	for (struct group **at = &groups->list; *at;) {
		struct group *group = *at;

		if (group->orphaned && group->taken) {
			probes_drop(groups->targets->probes, group->key);
			*at = group->next;
			free(group);
		} else {
			at = &group->next;
		}
	}
}

void groups_taken_away(struct groups *groups, uint64_t own_cost_ns, uint64_t now)
{
	drop_orphans(groups);
	for (struct group *group = groups->list; group; group = group->next) {
		uint64_t pause_ns;

		if (group->state != GROUP_LEAVING || !group->taken)
			continue;
		pause_ns = window_pause_ns(group->share, dearest_window(groups, group), group->own_cost_ns + own_cost_ns);
		group->state = GROUP_AWAY;
		group->next_ns = now + (group->from_window ? pause_ns : FIRST_PAUSE_NS);
	}
}

void groups_yield(struct groups *groups, pid_t translator, uint64_t now)
{
	struct group *group = get_group(groups, 0);

	if (!group)
		return;
	if (!group->yields_to)
		log_message("pid %d translates the code of a program (valgrind, qemu), to which a probe would be the end: taken away for all who "
			    "map the libraries, until it has ended", translator);
	group->yielded |= group->state == GROUP_ON;
	if (group->state == GROUP_ON || group->state == GROUP_WINDOW)
		leave(groups, group, group->state == GROUP_WINDOW, now);
	group->yields_to = translator;
	group->yielded_ns = now;
}

void groups_forget(struct groups *groups, pid_t pid)
{
	for (struct group **at = &groups->list; *at; at = &(*at)->next) {
		struct group *group = *at;

		if (group->key != pid)
			continue;
		/* what is being taken away for it is waited for */
		group->orphaned = group->state == GROUP_LEAVING;
		if (group->orphaned)
			return;
		if (group->state == GROUP_AWAY)
			probes_drop(groups->targets->probes, pid);
		*at = group->next;
		free(group);
		return;
	}
}

/* The processes outlive their groups when memgap ends. */
void groups_free(struct groups *groups)
{
	for (size_t i = 0; i < groups->targets->n_processes; i++)
		groups->targets->processes[i]->governed.group = NULL;
	while (groups->list) {
		struct group *group = groups->list;

		groups->list = group->next;
		free(group);
	}
	strangers_free(&groups->strangers);
}
