// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/line.h"

#include <stdlib.h>

#include "user/allocator/counters.h"
#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/cmd/candidates.h"
#include "user/cmd/interval.h"
#include "user/cmd/targets.h"
#include "user/cmd/trimmer.h"
#include "user/cmd/view.h"
#include "user/kernel/status.h"

/* So many intervals what was found of its signals holds: the kernel looks once more anyway, but not whether somebody takes it. */
#define CHECK_INTERVALS 16

/* false: it has been crossed since it was looked at. */
static bool erase(struct targets *targets, struct row *row)
{
	bool in_time = !row->line.drawn || lines_erase(targets->probes, &row->line.owner);

	row->line.drawn = false;
	return in_time;
}

/* What is live is counted, at each allocation. */
static bool is_counted(const struct targets *targets, const struct watched_process *process)
{
	return interval_record(targets, process) && governed_is_on(&process->governed) && !process->governed.holes.any;
}

static bool expects(struct targets *targets, struct row *row, const struct watched_process *process)
{
	struct row_line *line = &row->line;
	const struct trim_action *action = targets->trims->action;
	char ignored[WHY_MAX];
	bool holds = line->asked == process->id.pid && targets->interval.number - line->checked < CHECK_INTERVALS;

	if (!holds && trim_check_signal(action->signal, targets->proc_fd, &process->id, ignored, sizeof(ignored)) != ACT_DONE)
		return false;
	if (!holds)
		line->checked = targets->interval.number;
	line->asked = process->id.pid;
	return true;
}

static bool keep_seen(struct row *row, const struct snapshot *snapshot)
{
	if (!row->line.seen)
		row->line.seen = malloc(sizeof(*snapshot));
	if (row->line.seen)
		*row->line.seen = *snapshot;
	return row->line.seen;
}

static bool draw(struct targets *targets, struct row *row, int64_t bytes)
{
	return !lines_draw(targets->probes, &row->line.owner, bytes, targets->trims->action->signal, row->line.asked);
}

/* What it held before the watch is in alloc, but not in what was counted. */
static bool draw_for_process(struct targets *targets, struct row *row, const struct snapshot *snapshot)
{
	const struct memgap_process *record = interval_record(targets, row->process);
	int64_t before;

	if (!is_counted(targets, row->process) || snapshot->allocator.source != SOURCE_PROBE || !expects(targets, row, row->process))
		return false;
	before = snapshot->allocator.alloc - memgap_net(&record->counters);
	row->line.owner = (struct line_owner){ .pid = row->process->id.pid };
	return draw(targets, row, row->line.threshold - before);
}

/* The one with most to give: it is asked if it is the one that crosses the line. All must be counted. */
static const struct watched_process *foremost(struct targets *targets, const struct row *row)
{
	const struct watched_process *found = NULL;
	int64_t most = -1;

	for (size_t i = 0; i < targets->n_processes; i++) {
		struct watched_process *process = targets->processes[i];
		struct process_view view;
		int64_t gives;

		if (!row_has(row, process))
			continue;
		if (!is_counted(targets, process))
			return NULL;
		view_of(targets, process, &view);
		gives = process->reading.known ? candidate_most(&view, &process->reading.status) : 0;
		if (gives > most) {
			most = gives;
			found = process;
		}
	}
	return found;
}

static bool draw_for_cgroup(struct targets *targets, struct row *row, const struct snapshot *snapshot)
{
	const struct watched_process *asked = foremost(targets, row);

	if (!row->cgroup->slot || !asked || snapshot->allocator.source != SOURCE_PROBE)
		return false;
	if (!expects(targets, row, asked))
		row->line.asked = 0; /* the loader is told, and finds one that does */
	row->line.owner = (struct line_owner){ .slot = row->cgroup->slot };
	if (!draw(targets, row, row->line.threshold - snapshot->allocator.alloc))
		return false;
	for (size_t i = 0; i < targets->n_processes; i++)
		if (row_has(row, targets->processes[i]))
			lines_join(targets->probes, &row->line.owner, targets->processes[i]->id.pid,
				   &targets->processes[i]->governed.record);
	return true;
}

/* As it was before: the program may have given back much of it since. */
static int64_t rss_before(const struct targets *targets, const struct watched_process *process, const struct memgap_line *crossed)
{
	struct process_status status;
	int64_t then = line_least_rss(crossed);

	if (!is_known(then) && process->reading.known)
		then = process->reading.status.rss;
	if (process_status_read(targets->proc_fd, process->id.pid, &status) || (is_known(then) && status.rss < then))
		return then;
	return status.rss;
}

static void take_crossing(struct targets *targets, struct row *row, const struct memgap_line *crossed)
{
	struct candidates_request request = { targets, row };
	struct trim_source source = { list_candidates, open_row_cgroup, &request, targets->hierarchy.version };
	struct watched_process *process = targets_find(targets, (pid_t)crossed->by);
	struct trim_crossing crossing = {
		.value = row->line.threshold,
		.threshold = row->line.threshold,
		.late_ms = (double)(crossed->done_ns - crossed->crossed_ns) / 1e6,
	};
	struct error ignored;
	bool open = process && !pid_open(targets->proc_fd, process->id.pid, &crossing.id, &ignored);

	if (open && crossing.id.start_time != process->id.start_time) {
		pid_close(&crossing.id); /* the pid is another process's by now */
		open = false;
	}
	if (!open) {
		crossing.id = (struct pid_identity){ .pid = (pid_t)crossed->by, .pidfd = -1 }; /* it has gone since */
		crossing.rss = UNKNOWN;
	} else {
		crossing.rss = rss_before(targets, process, crossed);
	}
	trimmer_crossed(&row->trimmer, row->line.seen, &crossing, &source);
}

/* What was not sent, the next look finds. */
static void take_if_sent(struct targets *targets, struct row *row)
{
	struct memgap_line crossed;

	if (lines_crossed(targets->probes, &row->line.owner, &crossed) && crossed.result == MEMGAP_CROSSED_SENT)
		take_crossing(targets, row, &crossed);
}

void line_update(struct targets *targets, struct row *row, const struct snapshot *snapshot)
{
	const struct trimmer_context *context = targets->trims;
	struct trim_judgement judgement;
	struct trim_state state = row->trimmer.state;
	uint64_t now_ns = monotonic_ns();

	if (!targets->probes || !context->policy->enabled || context->policy->metric != METRIC_ALLOC || context->action->dry_run)
		return;
	if (!erase(targets, row)) {
		take_if_sent(targets, row);
		return;
	}
	trim_decide(context->policy, context->action->kind, snapshot, now_ns, &state, &judgement);
	row->line.threshold = judgement.reason.threshold;
	if (row->trimmer.running || judgement.decision != TRIM_BELOW || !is_known(snapshot->allocator.alloc) ||
	    !trim_may_cross(context->policy, context->action->kind, snapshot, now_ns, &state) || !keep_seen(row, snapshot))
		return;
	row->line.drawn = row->process ? draw_for_process(targets, row, snapshot) : draw_for_cgroup(targets, row, snapshot);
}

bool line_look(struct targets *targets, struct row *row, uint64_t *ret_late_ns)
{
	struct memgap_line crossed;

	if (!row->line.drawn || !lines_crossed(targets->probes, &row->line.owner, &crossed))
		return false;
	row->line.drawn = false;
	*ret_late_ns = monotonic_ns() - crossed.crossed_ns;
	if (crossed.result != MEMGAP_CROSSED_SENT)
		return true;
	take_crossing(targets, row, &crossed);
	return false;
}

void line_close(struct targets *targets, struct row *row)
{
	if (!erase(targets, row))
		take_if_sent(targets, row);
	free(row->line.seen);
	row->line.seen = NULL;
}
