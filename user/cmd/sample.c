// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/sample.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/allocator/counters.h"
#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/gap/verdict.h"
#include "user/kernel/cgroup.h"
#include "user/kernel/status.h"

/* A sum in which the first known figure counts as from 0, and an unknown one makes the sum unknown. */
static void add_status(struct kernel_view *view, int64_t *sys, const struct process_status *status, bool first)
{
	if (first) {
		view->rss = view->rss_anon = view->rss_file = view->rss_shmem = view->swap = 0;
		*sys = 0;
	}
	if (!status)
		return;
	view->rss = known_add(view->rss, status->rss);
	view->rss_anon = known_add(view->rss_anon, status->rss_anon);
	view->rss_file = known_add(view->rss_file, status->rss_file);
	view->rss_shmem = known_add(view->rss_shmem, status->rss_shmem);
	view->swap = known_add(view->swap, status->swap);
	*sys = known_add(*sys, status->data);
}

static void fill_counters(struct snapshot *snapshot, const struct memgap_counters *counters, uint64_t lost)
{
	struct allocator_view *view = &snapshot->allocator;

	/* below 0 for the moment between a subtraction and its correction (bpf/accounting.bpf.h) */
	view->alloc = counters->alloc > 0 ? counters->alloc : 0;
	view->total_alloc = (int64_t)counters->total_alloc;
	view->mallocs = (int64_t)counters->mallocs;
	view->frees = (int64_t)counters->frees;
	view->missed = (int64_t)(counters->missed + lost);
	snapshot->kernel.flow = (struct flow){ (int64_t)counters->mapped, (int64_t)counters->unmapped, counters->brk,
					       (int64_t)counters->returned };
}

/*
 * Whether what is probed is its allocator: there may be another in its place. One that exits right after its exec may be
 * gone before its modules were looked at; what was counted tells as well.
 */
static bool is_probed(const struct watched_process *process, const struct memgap_process *record)
{
	return record->counters.mallocs || (process->has_allocator && !process->allocator.foreign);
}

bool is_sampled(const struct targets *targets, const struct watched_process *process)
{
	const struct memgap_process *record;

	/* only where there is another allocator is it a question */
	if (!process->has_allocator || !process->allocator.foreign)
		return process->has_allocator;
	record = counters_of_process(probes_counters(targets->probes), process->id.pid);
	return record && is_probed(process, record);
}

/* Watched from its first instruction: its program began when the probes were in place. */
static bool is_complete(const struct watched_process *process, const struct memgap_process *record)
{
	return record->image_ns && record->image_ns >= process->allocator.attached_ns;
}

/* What was counted for a process; NULL where there is no allocator view of it. */
static const struct memgap_process *find_record(const struct targets *targets, const struct watched_process *process)
{
	const struct memgap_process *record =
		targets->probes ? counters_of_process(probes_counters(targets->probes), process->id.pid) : NULL;

	return record && is_probed(process, record) ? record : NULL;
}

static void sample_process(const struct targets *targets, const struct watched_process *process,
			   struct snapshot *snapshot)
{
	const struct memgap_process *record = find_record(targets, process);
	struct process_status status;

	snapshot->target.kind = TARGET_PROCESS;
	snapshot->target.pid = process->id.pid;
	snapshot->target.processes = 1;
	snprintf(snapshot->target.comm, sizeof(snapshot->target.comm), "%s", process->id.comm);
	if (!process_status_read(targets->proc_fd, process->id.pid, &status))
		add_status(&snapshot->kernel, &snapshot->allocator.sys, &status, true);
	if (!record)
		return;
	snapshot->allocator.source = SOURCE_PROBE;
	snprintf(snapshot->allocator.name, sizeof(snapshot->allocator.name), "%s", process->allocator.name);
	fill_counters(snapshot, &record->counters, targets->lost);
	if (is_complete(process, record))
		snapshot->allocator.baseline = 0;
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

static bool is_at_or_below(const struct watched_cgroup *cgroup, const struct watched_cgroup *above)
{
	for (; cgroup; cgroup = cgroup->parent)
		if (cgroup == above)
			return true;
	return false;
}

/* The counters live with the nearest watched cgroup, so those of the watched ones below belong to it as well. */
static void sum_counters(const struct targets *targets, const struct watched_cgroup *above, struct memgap_counters *ret)
{
	*ret = (struct memgap_counters){ 0 };
	for (size_t i = 0; i < targets->n_cgroups; i++)
		if (is_at_or_below(targets->cgroups[i], above))
			add_counters(ret, counters_of_cgroup(probes_counters(targets->probes), targets->cgroups[i]->slot));
}

/* What the records of a cgroup's processes say together. */
struct members {
	int64_t alloc;  /* bytes */
	size_t probed;  /* of them have an allocator view, */
	bool complete;  /* all of them, from their first instruction */
};

static struct members sample_members(const struct targets *targets, const struct row *row, struct snapshot *snapshot)
{
	struct members members = { .complete = true };
	bool same_name = true;

	add_status(&snapshot->kernel, &snapshot->allocator.sys, NULL, true);
	snapshot->target.processes = 0;
	for (size_t i = 0; i < targets->n_processes; i++) {
		const struct watched_process *process = targets->processes[i];
		const struct memgap_process *record;
		struct process_status status;

		if (!row_has(row, process) || process_status_read(targets->proc_fd, process->id.pid, &status))
			continue;
		snapshot->target.processes++;
		add_status(&snapshot->kernel, &snapshot->allocator.sys, &status, false);
		record = find_record(targets, process);
		if (!record) {
			members.complete = false;
			continue;
		}
		members.probed++;
		members.complete &= is_complete(process, record);
		members.alloc += record->counters.alloc > 0 ? record->counters.alloc : 0;
		if (snapshot->allocator.name[0] && strcmp(snapshot->allocator.name, process->allocator.name))
			same_name = false;
		snprintf(snapshot->allocator.name, sizeof(snapshot->allocator.name), "%s", process->allocator.name);
	}
	if (!same_name)
		snapshot->allocator.name[0] = '\0';
	return members;
}

static int read_cgroup(const struct targets *targets, int dir_fd, struct snapshot *snapshot)
{
	struct cgroup_memory memory;
	int result = cgroup_memory_read(dir_fd, targets->hierarchy.version, &memory);

	if (result)
		return result;
	snapshot->kernel.cgroup_current = memory.current;
	snapshot->kernel.cgroup_limit = memory.limit;
	return 0;
}

static int sample_cgroup(const struct targets *targets, const struct row *row, struct snapshot *snapshot)
{
	struct memgap_counters counters;
	struct members members;

	snapshot->target.kind = TARGET_CGROUP;
	snprintf(snapshot->target.cgroup, sizeof(snapshot->target.cgroup), "%s", row->cgroup->dir.path);
	members = sample_members(targets, row, snapshot);
	if (targets->probes) {
		sum_counters(targets, row->cgroup, &counters);
		counters.alloc = members.alloc;
		/* where nothing is probed, 0 would be a lie; where nobody is left, or was, it is not */
		if (members.probed || counters.mallocs || !snapshot->target.processes) {
			snapshot->allocator.source = SOURCE_PROBE;
			fill_counters(snapshot, &counters, targets->lost);
		}
		if (members.complete)
			snapshot->allocator.baseline = 0;
	}
	return read_cgroup(targets, row->cgroup->dir.fd, snapshot);
}

/* The memory cgroup that a process is in now; it may move. */
static void sample_home(const struct targets *targets, pid_t pid, struct snapshot *snapshot)
{
	int fd = hierarchy_open_home(&targets->hierarchy, targets->proc_fd, pid, snapshot->target.cgroup);

	if (fd < 0)
		return;
	read_cgroup(targets, fd, snapshot);
	close(fd);
}

int sample_row(const struct targets *targets, const struct row *row, uint64_t start_ns, struct snapshot *ret)
{
	int result = 0;

	snapshot_init(ret);
	clock_gettime(CLOCK_REALTIME, &ret->now);
	ret->elapsed_s = (double)(monotonic_ns() - start_ns) / 1e9;
	if (row->process) {
		sample_process(targets, row->process, ret);
		/* a zombie's is the root, whatever it was before */
		if (is_known(ret->kernel.rss))
			sample_home(targets, row->process->id.pid, ret);
	} else {
		result = sample_cgroup(targets, row, ret);
	}
	ret->trim = row->trimmer.summary;
	gap_judge(ret);
	return result;
}
