// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/sample.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/cmd/interval.h"
#include "user/gap/verdict.h"
#include "user/kernel/cgroup.h"
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

bool is_sampled(const struct targets *targets, const struct watched_process *process)
{
	/* only where there is another allocator is it a question */
	if (!process->has_allocator || !process->allocator.foreign)
		return process->has_allocator;
	return interval_record(targets, process);
}

static void fill_name(struct snapshot *snapshot, const struct allocator *allocator)
{
	snprintf(snapshot->allocator.name, sizeof(snapshot->allocator.name), "%s", allocator->name);
}

static void sample_process(struct targets *targets, struct watched_process *process, struct snapshot *snapshot)
{
	const struct memgap_process *record = interval_record(targets, process);
	const struct process_status *status = interval_status(targets, process);

	snapshot->target.kind = TARGET_PROCESS;
	snapshot->target.pid = process->id.pid;
	snapshot->target.processes = 1;
	snprintf(snapshot->target.comm, sizeof(snapshot->target.comm), "%s", process->id.comm);
	if (status)
		fill_kernel(snapshot, status);
	if (!record)
		return;
	snapshot->allocator.source = SOURCE_PROBE;
	fill_name(snapshot, &process->allocator);
	fill_counters(snapshot, &record->counters, targets->lost);
	if (record_is_complete(record, process))
		snapshot->allocator.baseline = 0;
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
		fill_name(snapshot, &members->allocator);
	/* where nothing is probed, 0 would be a lie; where nobody is left, or was, it is not */
	if (targets->probes && (members->probed || members->counters.mallocs || !members->processes)) {
		snapshot->allocator.source = SOURCE_PROBE;
		fill_counters(snapshot, &members->counters, targets->lost);
	}
	if (targets->probes && members->complete)
		snapshot->allocator.baseline = 0;
	result = cgroup_memory_read(cgroup->dir.fd, targets->hierarchy.version, &memory);
	if (!result)
		fill_memory(snapshot, &memory);
	return result;
}

static void sample_home(struct targets *targets, const struct watched_process *process, struct snapshot *snapshot)
{
	const struct home *home = interval_home(targets, process);

	if (!home)
		return;
	strcpy(snapshot->target.cgroup, home->path);
	fill_memory(snapshot, &home->memory);
}

int sample_row(struct targets *targets, const struct row *row, uint64_t start_ns, struct snapshot *ret)
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
	ret->trim = row->trimmer.summary;
	gap_judge(ret);
	return result;
}
