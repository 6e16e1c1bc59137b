// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/interval.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "user/allocator/counters.h"
#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/cmd/targets.h"

int64_t reading_held(const struct reading *reading)
{
	return reading->known ? known_add(reading->status.rss_anon, reading->status.swap) : UNKNOWN;
}

void interval_begin(struct targets *targets)
{
	targets->interval.number++;
}

void interval_read_again(struct targets *targets, struct watched_process *process)
{
	process->reading.interval = process->reading.looked = 0;
	targets->interval.summed = 0;
}

/* Small changes may stay unseen (user/kernel/activity.h), but not for longer. */
#define REFRESH_INTERVALS 16

/* Where file descriptors are scarce they are for those who cannot do without. */
#define SPARE_FDS_PART 2

static bool hold(const struct targets *targets, struct watched_process *process)
{
	struct activity *activity = &process->reading.activity;

	if (activity->fd < 0 && !activity_open(targets->proc_fd, process->id.pid, activity) &&
	    activity->fd >= targets->max_fds / SPARE_FDS_PART)
		activity_close(activity);
	return activity->fd >= 0;
}

/* Once an interval. */
static enum activity_change look(const struct targets *targets, struct watched_process *process)
{
	struct reading *reading = &process->reading;

	if (reading->looked != targets->interval.number)
		reading->change = hold(targets, process) ? activity_look(&reading->activity) : ACTIVITY_CHANGED;
	reading->looked = targets->interval.number;
	return reading->change;
}

/* Not all of them in the same interval: a thousand would make it longer. */
static bool is_its_turn(const struct targets *targets, const struct watched_process *process)
{
	return (targets->interval.number + (uint64_t)process->id.pid) % REFRESH_INTERVALS == 0 &&
	       process->reading.refreshed != targets->interval.number;
}

/* What was read before still holds. */
static bool is_unchanged(const struct targets *targets, struct watched_process *process)
{
	const struct reading *reading = &process->reading;

	return look(targets, process) == ACTIVITY_SAME && reading->known && !is_its_turn(targets, process);
}

bool interval_is_there(const struct targets *targets, struct watched_process *process)
{
	struct reading *reading = &process->reading;
	struct pid_stat stat;
	int result;

	if (is_unchanged(targets, process))
		return true;
	if (reading->change == ACTIVITY_GONE)
		return false;
	result = pid_stat_read(targets->proc_fd, process->id.pid, &stat);
	if (fs_is_short(result))
		return true; /* as far as we can tell */
	if (result || !pid_stat_has_memory(&stat) || stat.start_time != process->id.start_time)
		return false;
	/* it has executed a program */
	if (reading->start_stack && stat.start_stack != reading->start_stack)
		targets_forget_program(process);
	reading->start_stack = stat.start_stack;
	memcpy(process->id.comm, stat.comm, sizeof(process->id.comm));
	return true;
}

const struct process_status *interval_status(const struct targets *targets, struct watched_process *process)
{
	struct reading *reading = &process->reading;

	if (reading->interval == targets->interval.number)
		return reading->known ? &reading->status : NULL;
	reading->interval = targets->interval.number;
	if (process->own || !is_unchanged(targets, process)) {
		reading->refreshed = targets->interval.number;
		reading->result = process_status_read(targets->proc_fd, process->id.pid, &reading->status);
		reading->known = !reading->result;
	}
	return reading->known ? &reading->status : NULL;
}

/*
 * Whether what is probed is its allocator: there may be another in its place. One that exits right after its exec may be
 * gone before its modules were looked at; what was counted tells as well.
 */
static bool is_probed(const struct watched_process *process, const struct memgap_process *record)
{
	return record->counters.mallocs || (has_allocator(process) && !process->allocator.foreign);
}

const struct memgap_process *interval_record(const struct targets *targets, const struct watched_process *process)
{
	const struct memgap_process *record =
		targets->probes ? counters_of_process(probes_counters(targets->probes), process->id.pid) : NULL;

	return record && !process->probes_lost && is_probed(process, record) ? record : NULL;
}

int64_t interval_net(const struct targets *targets, const struct watched_process *process)
{
	const struct memgap_process *record = interval_record(targets, process);

	return record && governed_is_on(&process->governed) ? memgap_net(&record->counters) : UNKNOWN;
}

bool record_is_complete(const struct memgap_process *record, const struct watched_process *process)
{
	return record->image_ns && record->image_ns >= process->allocator.attached_ns && !process->governed.holes.any;
}

static void add_status(struct process_status *sum, const struct process_status *status)
{
	sum->rss = known_add(sum->rss, status->rss);
	sum->rss_anon = known_add(sum->rss_anon, status->rss_anon);
	sum->rss_file = known_add(sum->rss_file, status->rss_file);
	sum->rss_shmem = known_add(sum->rss_shmem, status->rss_shmem);
	sum->swap = known_add(sum->swap, status->swap);
	sum->data = known_add(sum->data, status->data);
}

static void add_counters(struct memgap_counters *sum, const struct memgap_counters *counters)
{
	sum->total_alloc += counters->total_alloc;
	sum->mallocs += counters->mallocs;
	sum->frees += counters->frees;
	sum->mapped += counters->mapped;
	sum->unmapped += counters->unmapped;
	sum->brk += counters->brk;
	sum->returned += counters->returned;
	sum->missed += counters->missed;
}

static void add_figure(int64_t *sum, int64_t figure)
{
	*sum = is_known(*sum) ? *sum + figure : figure;
}

static void add_heap(struct members *members, const struct process_view *view, int64_t held)
{
	struct heap_figures *sum = &members->view.heap;

	if (!is_known(view->heap.trimmable)) {
		members->not_walked += held;
		return;
	}
	sum->sys = known_add(sum->sys, view->heap.sys);
	sum->trimmable += view->heap.trimmable;
	sum->pinned = known_add(sum->pinned, view->heap.pinned);
	sum->resident = known_add(sum->resident, view->heap.resident);
	if (!is_known(view->heap.arenas))
		return; /* Go's */
	add_figure(&sum->arenas, view->heap.arenas);
	sum->mmapped += view->heap.mmapped;
	sum->cached += view->heap.cached;
	sum->age_s = fmax(sum->age_s, view->heap.age_s);
}

/* The largest group of all; bytes are the sum. */
static void add_other(struct other_anon *sum, const struct other_anon *other)
{
	int64_t bytes = sum->bytes + other->bytes;

	if (!is_known(other->bytes))
		return; /* with the heap */
	if (is_known(other->group) && other->group > sum->group)
		*sum = *other;
	sum->bytes = bytes;
}

static void add_unseen(struct members *members, const struct watched_process *process, const struct process_view *view, int64_t held)
{
	members->unseen += held - (is_known(view->alloc) ? view->alloc : 0);
	if (held <= members->most_unseen_bytes && members->most_unseen)
		return;
	members->most_unseen = process;
	members->most_unseen_bytes = held;
	memcpy(members->why_unseen, view->heap.why_not, sizeof(members->why_unseen));
}

/* Of several sources the one that most is said of. */
static enum allocator_source wider(enum allocator_source a, enum allocator_source b)
{
	static const int widths[] = { [SOURCE_NONE] = 0, [SOURCE_GO] = 1, [SOURCE_HEAP] = 2, [SOURCE_PROBE] = 3 };

	return widths[b] > widths[a] ? b : a;
}

static void add_go(struct members *members, const struct process_view *view)
{
	struct go_figures *sum = &members->view.go;

	members->go_programs++;
	members->go_total += view->go_total;
	add_figure(&sum->alloc, view->go.alloc);
	add_figure(&sum->heap_in_use, view->go.heap_in_use);
	add_figure(&sum->heap_idle, view->go.heap_idle);
	add_figure(&sum->heap_released, view->go.heap_released);
	add_figure(&sum->num_gc, view->go.num_gc);
	add_figure(&sum->pause_total_ns, view->go.pause_total_ns);
}

static void add_view(struct members *members, const struct watched_process *process, const struct process_status *status,
		     const struct process_view *view)
{
	int64_t held = known_add(status->rss_anon, status->swap);
	struct process_view *sum = &members->view;

	held = is_known(held) ? held : 0;
	members->awaited += view->awaited ? held : 0;
	members->behind += view->behind ? held : 0;
	sum->pss = known_add(sum->pss, view->pss);
	sum->lazyfree = known_add(sum->lazyfree, view->lazyfree);
	sum->source = wider(sum->source, view->source);
	sum->stale += view->stale;
	sum->alloc += is_known(view->alloc) ? view->alloc : 0;
	sum->error = (int64_t)hypot((double)sum->error, (double)view->error); /* each of them known */
	if (is_known(view->baseline))
		sum->baseline += view->baseline;
	else
		add_unseen(members, process, view, held);
	if (view->source == SOURCE_GO)
		add_go(members, view);
	add_heap(members, view, held);
	add_other(&sum->other, &view->other);
}

/* Of sums; NAN: one of them is not known. */
static double add_error(double sum, int64_t error)
{
	return is_known(error) ? hypot(sum, (double)error) : NAN;
}

static void add_governed(struct members *members, const struct watched_process *process)
{
	const struct governed *governed = &process->governed;
	struct counts uncounted = governed_unsettled(process);

	if (!isnan(governed->overhead_percent))
		members->overhead_percent = governed->overhead_percent + (isnan(members->overhead_percent) ? 0 : members->overhead_percent);
	if (!governed->holes.any)
		return;
	counts_add(&members->uncounted, &uncounted);
	members->total_error = add_error(members->total_error, holes_error_of_total(&governed->holes));
}

static void add_process(struct members *members, const struct watched_process *process, const struct process_status *status,
			const struct process_view *view)
{
	members->processes++;
	add_status(&members->status, status);
	add_view(members, process, status, view);
	add_governed(members, process);
	if (!process->governed.holes.any && view->source != SOURCE_PROBE)
		return;
	members->probed++;
	if (members->allocator.name[0] && strcmp(members->allocator.name, process->allocator.name))
		members->mixed = true;
	members->allocator = process->allocator;
}

/* The counters live with the nearest watched cgroup, so those of the watched ones below belong to it as well. */
static void sum_counters(struct targets *targets)
{
	for (size_t i = 0; i < targets->n_cgroups; i++) {
		const struct memgap_counters *counters =
			targets->probes && targets->cgroups[i]->slot ?
				counters_of_cgroup(probes_counters(targets->probes), targets->cgroups[i]->slot) : NULL;

		for (struct watched_cgroup *cgroup = targets->cgroups[i]; cgroup; cgroup = cgroup->parent) {
			if (counters)
				add_counters(&cgroup->members.counters, counters);
			counts_add(&cgroup->members.uncounted, &targets->cgroups[i]->uncounted);
			cgroup->members.total_error = hypot(cgroup->members.total_error, targets->cgroups[i]->uncounted_error);
		}
	}
}

static bool is_unreadable(const struct watched_process *process)
{
	return process->reading.result && process->reading.result != -ESRCH;
}

static void add_unreadable(struct members *members, const struct watched_process *process)
{
	static const struct process_status unknown = { UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, -1 };

	members->processes++;
	members->unreadable = process;
	add_status(&members->status, &unknown);
}

/* To its cgroup and those above. One that has gone does not count, one that may not be looked at leaves the sums unknown. */
static void sum_process(struct targets *targets, struct watched_process *process)
{
	const struct process_status *status = interval_status(targets, process);
	struct process_view view;

	if (status)
		view_of(targets, process, &view);
	else if (!is_unreadable(process))
		return;
	for (struct watched_cgroup *cgroup = process->cgroup; cgroup; cgroup = cgroup->parent) {
		if (status)
			add_process(&cgroup->members, process, status, &view);
		else
			add_unreadable(&cgroup->members, process);
	}
}

/* One pass over the processes, not one a cgroup. */
static void sum_all(struct targets *targets)
{
	for (size_t i = 0; i < targets->n_cgroups; i++)
		targets->cgroups[i]->members = (struct members){
			.overhead_percent = NAN,
			.view.go = no_go_figures,
			.view.heap.arenas = UNKNOWN,
		};
	sum_counters(targets);
	for (size_t i = 0; i < targets->n_processes; i++)
		if (targets->processes[i]->cgroup)
			sum_process(targets, targets->processes[i]);
}

const struct members *interval_members(struct targets *targets, const struct watched_cgroup *cgroup)
{
	if (targets->interval.summed != targets->interval.number)
		sum_all(targets);
	targets->interval.summed = targets->interval.number;
	return &cgroup->members;
}

const struct home *interval_home(struct targets *targets, const struct watched_process *process)
{
	struct home *home = &targets->interval.home;
	char path[CGROUP_PATH_MAX];
	int fd;

	if (targets->hierarchy.fd < 0 || hierarchy_path_of(&targets->hierarchy, targets->proc_fd, process->id.pid, path))
		return NULL;
	if (home->interval == targets->interval.number && !strcmp(home->path, path))
		return home;
	home->interval = targets->interval.number;
	cgroup_memory_init(&home->memory);
	strcpy(home->path, path);
	fd = hierarchy_open_path(&targets->hierarchy, path);
	if (fd < 0)
		return home;
	cgroup_memory_read(fd, targets->hierarchy.version, &home->memory);
	close(fd);
	return home;
}
