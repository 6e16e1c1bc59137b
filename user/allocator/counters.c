// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/counters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/allocator/records.h"

/* A process that ends between two readings would be missing in its cgroup: then all is read again. More often than this is a
 * storm of short processes, for which the next interval makes up. */
#define MAX_TRIES 8

struct counters {
	const struct records *records;
	size_t n;                        /* processes */
	struct memgap_process *processes; /* by pid */
	struct memgap_counters cgroups[MEMGAP_MAX_CGROUPS];
	struct memgap_counters before[MEMGAP_MAX_CGROUPS]; /* of the reading before */
};

int counters_open(const struct records *records, struct counters **ret)
{
	struct counters *counters = calloc(1, sizeof(*counters));

	if (!counters)
		return -ENOMEM;
	counters->records = records;
	/* a large one, of which only what is filled becomes resident */
	counters->processes = calloc(records->max, sizeof(*counters->processes));
	if (!counters->processes) {
		counters_close(counters);
		return -ENOMEM;
	}
	*ret = counters;
	return 0;
}

void counters_close(struct counters *counters)
{
	if (!counters)
		return;
	free(counters->processes);
	free(counters);
}

static void copy_all(struct counters *counters)
{
	uint32_t used = records_used(counters->records);

	memcpy(counters->cgroups, counters->records->cgroups, sizeof(counters->cgroups));
	counters->n = 0;
	for (uint32_t i = 1; i <= used; i++)
		if (counters->records->all[i].pid) {
			struct memgap_process *copy = &counters->processes[counters->n++];

			*copy = counters->records->all[i];
			copy->counters.alloc = memgap_alloc(&copy->counters);
		}
}

static void add(struct memgap_counters *sum, const struct memgap_counters *counted, const struct memgap_counters *settled)
{
	sum->total_alloc += counted->total_alloc - settled->total_alloc;
	sum->mallocs += counted->mallocs - settled->mallocs;
	sum->frees += counted->frees - settled->frees;
	sum->early_freed += counted->early_freed - settled->early_freed;
	sum->mapped += counted->mapped - settled->mapped;
	sum->unmapped += counted->unmapped - settled->unmapped;
	sum->brk += counted->brk - settled->brk;
	sum->returned += counted->returned - settled->returned;
	sum->missed += counted->missed - settled->missed;
}

static int compare_pids(const void *a, const void *b)
{
	const struct memgap_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* What has been shown is not taken back, should a process be missing this time. */
static void keep_growing(struct memgap_counters *now, const struct memgap_counters *before)
{
	if (now->total_alloc >= before->total_alloc && now->mallocs >= before->mallocs && now->frees >= before->frees)
		return;
	*now = *before;
}

void counters_read(struct counters *counters)
{
	memcpy(counters->before, counters->cgroups, sizeof(counters->before));
	for (int i = 0; i < MAX_TRIES; i++) {
		uint64_t settled = records_tally(counters->records, MEMGAP_SETTLED);

		copy_all(counters);
		if (records_tally(counters->records, MEMGAP_SETTLING) == settled)
			break;
	}
	for (size_t i = 0; i < counters->n; i++) {
		const struct memgap_process *process = &counters->processes[i];

		if (process->slot && process->slot < MEMGAP_MAX_CGROUPS)
			add(&counters->cgroups[process->slot], &process->counters, &process->settled);
	}
	for (size_t i = 0; i < MEMGAP_MAX_CGROUPS; i++)
		keep_growing(&counters->cgroups[i], &counters->before[i]);
	qsort(counters->processes, counters->n, sizeof(*counters->processes), compare_pids);
}

const struct memgap_process *counters_of_process(const struct counters *counters, pid_t pid)
{
	const struct memgap_process key = { .pid = (__u32)pid };

	return bsearch(&key, counters->processes, counters->n, sizeof(key), compare_pids);
}

const struct memgap_counters *counters_of_cgroup(const struct counters *counters, uint32_t slot)
{
	return &counters->cgroups[slot < MEMGAP_MAX_CGROUPS ? slot : 0];
}
