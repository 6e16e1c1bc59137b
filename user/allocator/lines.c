// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/lines.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "user/allocator/probes.h"
#include "user/allocator/records.h"
#include "user/base/fs.h"
#include "user/base/units.h"

/* Who crosses a line is in the kernel then, and has done it as soon as he gets a CPU. */
#define DONE_WITHIN_NS 10000000

static struct memgap_process *record_of(struct probes *probes, pid_t pid, uint32_t *record)
{
	/* the kernel side only ever reads which line it is */
	return (struct memgap_process *)probes_record(probes, pid, record);
}

static uint32_t index_of(const struct line_owner *owner)
{
	return owner->pid ? owner->record : MEMGAP_LINE_OF_CGROUP + owner->slot;
}

static struct memgap_line *line_of(const struct probes *probes, const struct line_owner *owner)
{
	return &probes_records(probes)->lines[index_of(owner)];
}

int lines_draw(struct probes *probes, struct line_owner *owner, int64_t bytes, int signal, pid_t asked)
{
	struct memgap_process *process = owner->pid ? record_of(probes, owner->pid, &owner->record) : NULL;
	struct memgap_line *line;

	if (owner->pid && !process)
		return -ESRCH;
	line = line_of(probes, owner);
	__atomic_store_n(&line->armed, 0, __ATOMIC_SEQ_CST);
	line->at = line->left = bytes;
	line->signal = (uint32_t)signal;
	line->pid = (uint32_t)asked;
	line->crossed_ns = line->done_ns = 0;
	__atomic_store_n(&line->armed, 1, __ATOMIC_SEQ_CST);
	if (process)
		__atomic_store_n(&process->line, owner->record, __ATOMIC_RELEASE);
	return 0;
}

bool lines_erase(struct probes *probes, const struct line_owner *owner)
{
	uint32_t record = owner->record;
	struct memgap_process *process = owner->pid ? record_of(probes, owner->pid, &record) : NULL;

	/* it has exited: the record may have become another's, and its line */
	if (owner->pid && !process && line_of(probes, owner)->pid != (uint32_t)owner->pid)
		return true;
	if (process)
		__atomic_store_n(&process->line, 0, __ATOMIC_RELEASE);
	return __atomic_exchange_n(&line_of(probes, owner)->armed, 0, __ATOMIC_SEQ_CST);
}

void lines_join(struct probes *probes, const struct line_owner *cgroup, pid_t pid, uint32_t *record)
{
	struct memgap_process *process = record_of(probes, pid, record);

	if (process && (!process->line || process->line >= MEMGAP_LINE_OF_CGROUP))
		__atomic_store_n(&process->line, index_of(cgroup), __ATOMIC_RELEASE);
}

/* The event comes right before it is done. */
static bool await_done(const struct memgap_line *line)
{
	uint64_t end_ns = monotonic_ns() + DONE_WITHIN_NS;

	while (!__atomic_load_n(&line->done_ns, __ATOMIC_ACQUIRE)) {
		if (monotonic_ns() >= end_ns)
			return false;
		sched_yield();
	}
	return true;
}

bool lines_crossed(const struct probes *probes, const struct line_owner *owner, struct memgap_line *ret)
{
	const struct memgap_line *line = line_of(probes, owner);

	if (__atomic_load_n(&line->armed, __ATOMIC_SEQ_CST) || !await_done(line))
		return false;
	*ret = *line;
	return true;
}

/* Pages that the counters are wrong by, at most: what CPUs keep (compute_batch_value(), lib/percpu_counter.c), or threads. */
static int64_t lagging_pages(const struct memgap_line *crossed)
{
	int64_t cpus = sysconf(_SC_NPROCESSORS_ONLN), batch = 2 * cpus > 32 ? 2 * cpus : 32;

	/* TASK_RSS_EVENTS_THRESH, mm/memory.c */
	return crossed->lagging_threads ? 64 * (int64_t)crossed->lagging_threads : cpus * batch;
}

int64_t line_least_rss(const struct memgap_line *crossed)
{
	int64_t lagging = lagging_pages(crossed);

	return crossed->rss_pages < lagging ? UNKNOWN : (crossed->rss_pages - lagging) * sysconf(_SC_PAGESIZE);
}
