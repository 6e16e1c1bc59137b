// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/cmd/interval.h"
#include "user/cmd/names.h"
#include "user/gap/verdict.h"
#include "user/kernel/cgroup.h"
#include "user/kernel/pressure.h"
#include "user/kernel/status.h"

static void fill_kernel(struct snapshot *snapshot, const struct process_status *status)
{
	snapshot->kernel.rss = status->rss;
	snapshot->kernel.rss_anon = status->rss_anon;
	snapshot->kernel.rss_file = status->rss_file;
	snapshot->kernel.rss_shmem = status->rss_shmem;
	snapshot->kernel.swap = status->swap;
	snapshot->allocator.sys = status->data;
}

static void fill_memory(struct snapshot *snapshot, const struct cgroup_memory *memory)
{
	snapshot->kernel.cgroup = *memory;
	if (memory->unreadable && !snapshot->kernel.unreadable[0])
		snprintf(snapshot->kernel.unreadable, sizeof(snapshot->kernel.unreadable), "%s", memory->unreadable);
}

static void fill_counters(struct snapshot *snapshot, const struct memgap_counters *counters, uint64_t lost)
{
	struct allocator_view *view = &snapshot->allocator;

	view->total_alloc = (int64_t)counters->total_alloc;
	view->mallocs = (int64_t)counters->mallocs;
	view->frees = (int64_t)counters->frees;
	view->missed = (int64_t)(counters->missed + lost);
	snapshot->kernel.flow = (struct flow){ (int64_t)counters->mapped, (int64_t)counters->unmapped, counters->brk,
					       (int64_t)counters->returned };
}

/* Besides what was counted, where the probes were not in place all the time. */
static void fill_uncounted(struct snapshot *snapshot, const struct counts *uncounted, double error)
{
	struct allocator_view *view = &snapshot->allocator;

	view->total_alloc += uncounted->total_alloc;
	view->mallocs += uncounted->mallocs;
	view->frees += uncounted->frees;
	view->total_error = isfinite(error) ? (int64_t)error : UNKNOWN;
}

static void fill_view(struct snapshot *snapshot, const struct process_view *view)
{
	snapshot->allocator.source = view->source;
	snapshot->allocator.alloc = view->alloc;
	snapshot->allocator.alloc_error = view->error;
	snapshot->allocator.baseline = view->baseline;
	snapshot->allocator.stale = view->stale;
	snapshot->allocator.awaited = view->awaited;
	snapshot->allocator.behind = view->behind;
	snapshot->allocator.heap = view->heap;
	snapshot->allocator.go = view->go;
	snapshot->allocator.other = view->other;
	snapshot->kernel.pss = view->pss;
	snapshot->kernel.lazyfree = view->lazyfree;
}

bool is_sampled(const struct targets *targets, const struct watched_process *process)
{
	/* only where there is another allocator is it a question */
	if (!has_allocator(process) || !process->allocator.foreign)
		return has_allocator(process);
	return interval_record(targets, process);
}

static void fill_name(struct snapshot *snapshot, const char *name)
{
	snprintf(snapshot->allocator.name, sizeof(snapshot->allocator.name), "%s", name);
}

/* On a hybrid host it is in the v2 cgroup with the same path, as engines and systemd have it. */
static void fill_pressure(const struct targets *targets, const char *path, struct snapshot *snapshot)
{
	int fd = targets->hierarchy.v2_fd < 0 ? -1 : openat(targets->hierarchy.v2_fd, path[1] ? path + 1 : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	cgroup_pressure_read(fd, &snapshot->kernel.cgroup.psi_some_avg10);
	close(fd);
}

static void say_unreadable(struct snapshot *snapshot, const struct watched_process *process)
{
	snprintf(snapshot->kernel.unreadable, sizeof(snapshot->kernel.unreadable), "the status of pid %d", process->id.pid);
}

static void fill_governed(struct snapshot *snapshot, const struct watched_process *process)
{
	const struct governed *governed = &process->governed;
	struct counts uncounted = governed_unsettled(process);
	int64_t error = holes_error_of_total(&governed->holes);

	snapshot->allocator.overhead_percent = governed->overhead_percent;
	counts_add(&uncounted, &governed->settled);
	if (governed->holes.any)
		fill_uncounted(snapshot, &uncounted, is_known(error) ? (double)error : NAN);
}

static void fill_go(struct snapshot *snapshot, const struct watched_process *process, const struct process_view *view)
{
	const struct survey *survey = &process->survey;

	snprintf(snapshot->allocator.name, NAME_MAX_TEXT, "%s%s", survey->go ? go_version(survey->go) : "go",
		 survey->has_heap ? " + C" : "");
	snapshot->allocator.total_alloc = view->total_alloc;
	snapshot->allocator.sys = view->sys;
}

/* While it is being walked through, it is as it was. */
static void name_heap(struct snapshot *snapshot, const struct survey *survey)
{
	snprintf(snapshot->allocator.name, NAME_MAX_TEXT, "%s", survey->heap_name);
}

static void sample_process(struct targets *targets, struct watched_process *process, struct snapshot *snapshot)
{
	const struct memgap_process *record = interval_record(targets, process);
	const struct process_status *status = interval_status(targets, process);
	struct process_view view;

	snapshot->target.kind = TARGET_PROCESS;
	snapshot->target.pid = process->id.pid;
	snapshot->target.processes = 1;
	snprintf(snapshot->target.comm, sizeof(snapshot->target.comm), "%s", process->id.comm);
	if (status)
		fill_kernel(snapshot, status);
	else if (process->reading.result != -ESRCH)
		say_unreadable(snapshot, process);
	view_of(targets, process, &view);
	fill_view(snapshot, &view);
	if (view.source == SOURCE_GO) {
		fill_go(snapshot, process, &view);
	} else if (record) {
		fill_name(snapshot, process->allocator.name);
		fill_counters(snapshot, &record->counters, targets->lost);
		fill_governed(snapshot, process);
	} else if (view.source == SOURCE_HEAP) {
		name_heap(snapshot, &process->survey);
	}
}

/* Sums over the processes that have a view; what the others hold is told apart. */
static void fill_members(struct targets *targets, const struct members *members, struct snapshot *snapshot)
{
	int64_t held = known_add(members->status.rss_anon, members->status.swap);
	const struct watched_process *unseen = members->most_unseen;
	struct allocator_view *view = &snapshot->allocator;

	fill_view(snapshot, &members->view);
	/* where nobody is left it is 0, unless it was not looked for */
	if (view->source == SOURCE_NONE && (members->processes || !targets->options->heap))
		view->alloc = UNKNOWN;
	if (members->probed || (targets->probes && (members->counters.mallocs || !members->processes))) {
		view->source = view->source == SOURCE_HEAP ? SOURCE_HEAP : SOURCE_PROBE;
		fill_counters(snapshot, &members->counters, targets->lost);
		fill_uncounted(snapshot, &members->uncounted, members->total_error);
		view->overhead_percent = members->overhead_percent;
	} else if (members->go_programs || members->uncounted.total_alloc) {
		view->total_alloc = members->uncounted.total_alloc;
	}
	if (members->go_programs)
		view->total_alloc += members->go_total;
	view->unseen = members->unseen;
	view->awaited = members->awaited && !gap_is_little(members->awaited, held);
	view->behind = members->behind && !gap_is_little(members->behind, held);
	if (members->unreadable)
		say_unreadable(snapshot, members->unreadable);
	if (unseen)
		view->baseline = UNKNOWN;
	/* what walks have found of some is not what all have; what was counted is what it says */
	if (view->source == SOURCE_HEAP && !gap_is_little(members->unseen, held))
		view->alloc = UNKNOWN;
	if (!gap_is_little(members->not_walked, held))
		view->heap = no_heap_figures;
	if (unseen)
		snprintf(view->heap.why_not, sizeof(view->heap.why_not), "%.15s[%d]: %.120s", unseen->id.comm, unseen->id.pid,
			 members->why_unseen[0] ? members->why_unseen : "not probed");
}

static int sample_cgroup(struct targets *targets, const struct watched_cgroup *cgroup, struct snapshot *snapshot)
{
	const struct members *members = interval_members(targets, cgroup);
	struct cgroup_memory memory;
	int result;

	snapshot->target.kind = TARGET_CGROUP;
	snprintf(snapshot->target.cgroup, sizeof(snapshot->target.cgroup), "%s", cgroup->dir.path);
	snapshot->target.processes = members->processes;
	fill_kernel(snapshot, &members->status);
	if (!members->mixed)
		fill_name(snapshot, members->allocator.name);
	fill_members(targets, members, snapshot);
	result = cgroup_memory_read(cgroup->dir.fd, targets->hierarchy.version, &memory);
	if (!result)
		fill_memory(snapshot, &memory);
	/* of cgroups that --all finds there may be hundreds: it would cost as much as all else */
	if (!result && !cgroup->found)
		fill_pressure(targets, cgroup->dir.path, snapshot);
	return result;
}

static void sample_home(struct targets *targets, const struct watched_process *process, struct snapshot *snapshot)
{
	const struct home *home = interval_home(targets, process);

	if (!home)
		return;
	strcpy(snapshot->target.cgroup, home->path);
	fill_memory(snapshot, &home->memory);
	if (process->own)
		fill_pressure(targets, home->path, snapshot);
}

/* Of another source, or with what was there before and was not known, it is another figure. */
static void follow_growth(struct row *row, struct snapshot *snapshot)
{
	struct allocator_view *view = &snapshot->allocator;
	bool whole = is_known(snapshot->gap.bytes);

	unsigned int generation = row->process ? row->process->survey.generation : 0;

	if (row->source != view->source || row->whole != whole || row->generation != generation)
		history_init(&row->history);
	row->generation = generation;
	row->source = view->source;
	row->whole = whole;
	history_add(&row->history, snapshot->elapsed_s, view->alloc);
	view->growth = row->history.growth;
}

int sample_row(struct targets *targets, struct row *row, uint64_t start_ns, struct snapshot *ret)
{
	int result = 0;

	snapshot_init(ret);
	clock_gettime(CLOCK_REALTIME, &ret->now);
	ret->elapsed_s = (double)(monotonic_ns() - start_ns) / 1e9;
	if (row->process) {
		sample_process(targets, row->process, ret);
		/* a zombie's is the root, whatever it was before */
		if (is_known(ret->kernel.rss))
			sample_home(targets, row->process, ret);
	} else {
		result = sample_cgroup(targets, row->cgroup, ret);
	}
	names_fill(targets->names, &ret->target, &row->name_asked_ns);
	ret->trim = row->trimmer.summary;
	gap_measure(ret);
	follow_growth(row, ret);
	gap_judge(ret);
	return result;
}
