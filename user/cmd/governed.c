// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/governed.h"

#include <math.h>

#include "user/base/units.h"
#include "user/cmd/targets.h"
#include "user/cmd/view.h"
#include "user/kernel/cpu_clock.h"

void governed_init(struct governed *governed)
{
	*governed = (struct governed){ .overhead_percent = NAN, .alloc = UNKNOWN, .baseline = UNKNOWN, .cpu_ns = UNKNOWN,
				      .cpu_before_ns = UNKNOWN };
}

bool governed_is_on(const struct governed *governed)
{
	return !governed->group || governed->group->state == GROUP_ON;
}

struct counts governed_unsettled(const struct watched_process *process)
{
	const struct governed *governed = &process->governed;
	struct counts filled = holes_fill(&governed->holes, &governed->counts);

	return (struct counts){
		.total_alloc = filled.total_alloc - governed->counts.total_alloc - governed->settled.total_alloc,
		.mallocs = filled.mallocs - governed->counts.mallocs - governed->settled.mallocs,
		.frees = filled.frees - governed->counts.frees - governed->settled.frees,
	};
}

void governed_settle(struct watched_process *process)
{
	struct governed *governed = &process->governed;
	struct counts left;
	int64_t error;

	if (!governed->holes.any)
		return;
	if (governed->group)
		holes_value(&governed->holes, &governed->group->pool);
	left = governed_unsettled(process);
	error = holes_error_of_total(&governed->holes);
	counts_add(&process->governed.settled, &left);
	if (!process->cgroup)
		return;
	counts_add(&process->cgroup->uncounted, &left);
	process->cgroup->uncounted_error = is_known(error) ? hypot(process->cgroup->uncounted_error, (double)error) : NAN;
}

/* Of one that has ended no more is known than before. */
static int64_t cpu_now(const struct watched_process *process)
{
	int64_t cpu_ns = cpu_clock_of(process->id.pid);

	return is_known(cpu_ns) ? cpu_ns : process->governed.holes.cpu_ns;
}

/* A program that is seen for the first time. */
static void begin(const struct targets *targets, struct watched_process *process, struct group *group,
		  const struct memgap_process *record, uint64_t now_ns)
{
	struct governed *governed = &process->governed;
	uint32_t index = governed->record;

	governed_settle(process);
	governed_init(governed);
	governed->record = index;
	governed->group = group;
	governed->generation = record->generation;
	governed->counts = governed->before = counts_of(&record->counters);
	governed->looked_ns = governed->before_ns = now_ns;
	budget_begin(&governed->budget, group->share, now_ns);
	/* what it has allocated while its probes are away, nobody would ever know: a program that begins with much is to be seen to its end */
	if (process->allocator.remembered)
		budget_add(&governed->budget, group->share);
	if (group->state == GROUP_ON)
		return;
	holes_begin(&governed->holes, &governed->counts, cpu_now(process));
	probes_set_presence(targets->probes, process->id.pid, MEMGAP_AWAY);
	if (group->state == GROUP_WINDOW)
		governed_end_hole(targets, process);
}

/* It may load another allocator. */
static void price(const struct targets *targets, struct watched_process *process, const struct probe_cost *cost)
{
	struct governed *governed = &process->governed;

	if (governed->priced == process->allocator.library + 1)
		return;
	governed->cost = probes_call_cost(targets->probes, cost, process->allocator.library);
	governed->priced = process->allocator.library + 1;
}

/* Of who pays something worth the question. */
#define ASK_PART 100

static void note_cpu(struct watched_process *process, int64_t cost_ns)
{
	struct governed *governed = &process->governed;
	bool pays = (uint64_t)cost_ns > (governed->looked_ns - governed->before_ns) / ASK_PART;

	governed->cpu_before_ns = governed->cpu_ns;
	governed->cpu_ns = pays ? cpu_clock_of(process->id.pid) : UNKNOWN;
}

int64_t governed_look(const struct targets *targets, struct watched_process *process, struct group *group,
		      const struct memgap_process *record, const struct probe_cost *cost, uint64_t now_ns)
{
	struct governed *governed = &process->governed;
	int64_t cost_ns;

	if (governed->group != group || governed->generation != record->generation)
		begin(targets, process, group, record, now_ns);
	price(targets, process, cost);
	governed->before = governed->counts;
	governed->before_ns = governed->looked_ns;
	governed->counts = counts_of(&record->counters);
	governed->looked_ns = now_ns;
	cost_ns = (governed->counts.mallocs - governed->before.mallocs) * governed->cost.malloc_ns +
		  (governed->counts.frees - governed->before.frees) * governed->cost.free_ns;
	note_cpu(process, cost_ns);
	governed->last_cost_ns = cost_ns;
	governed->cost_ns += cost_ns;
	governed->window_cost_ns += cost_ns;
	if (governed->holes.away)
		holes_advance(&governed->holes, cpu_now(process));
	return cost_ns;
}

/* What is shown then goes on from there. */
static void keep_shown(const struct targets *targets, struct watched_process *process, uint64_t now_ns)
{
	struct governed *governed = &process->governed;
	struct memgap_process record;
	struct process_view view;

	if (probes_read_process(targets->probes, process->id.pid, &record))
		return;
	view_of_record(targets, process, &record, &view);
	governed->alloc = view.alloc;
	governed->baseline = view.baseline;
	governed->net = holes_fill(&governed->holes, &governed->counts).net;
	governed->first_gone_ns = now_ns;
}

void governed_begin_hole(const struct targets *targets, struct watched_process *process, uint64_t now_ns)
{
	struct governed *governed = &process->governed;
	int64_t cpu_ns = cpu_now(process);

	if (governed->group->from_window) {
		holes_end_window(&governed->holes, &governed->counts, cpu_ns, governed->window_cost_ns);
		pool_add(&governed->group->pool, &governed->holes);
	} else {
		keep_shown(targets, process, now_ns);
		holes_begin(&governed->holes, &governed->counts, cpu_ns);
		/* what it did just before tells until the first window does */
		if (is_known(governed->cpu_ns) && is_known(governed->cpu_before_ns))
			holes_begin_with(&governed->holes, &governed->counts, &governed->before, governed->cpu_ns - governed->cpu_before_ns,
					 governed->last_cost_ns);
	}
	probes_set_presence(targets->probes, process->id.pid, MEMGAP_AWAY);
	governed->changes++;
	process->survey.before = UNKNOWN;
}

void governed_end_hole(const struct targets *targets, struct watched_process *process)
{
	struct governed *governed = &process->governed;

	probes_set_presence(targets->probes, process->id.pid, MEMGAP_SOMETIMES);
	holes_end(&governed->holes, &governed->counts, cpu_now(process));
	governed->window_cost_ns = 0;
	governed->changes++;
}
