// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/counters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* A process that ends between two readings would be missing in its cgroup: then all is read again. More often than this is a
 * storm of short processes, for which the next interval makes up. */
#define MAX_TRIES 8

struct counters {
	struct counters_maps maps;
	size_t n, max; /* processes */
	__u32 *pids;
	struct memgap_process *records; /* as the map hands them out */
	size_t *order;                  /* their indices, by pid */
	struct memgap_counters cgroups[MEMGAP_MAX_CGROUPS];
	struct memgap_counters before[MEMGAP_MAX_CGROUPS]; /* of the reading before */
};

int counters_open(const struct counters_maps *maps, size_t max_processes, struct counters **ret)
{
	struct counters *counters = calloc(1, sizeof(*counters));

	if (!counters)
		return -ENOMEM;
	counters->maps = *maps;
	counters->max = max_processes;
	/* large ones, of which only what is filled becomes resident */
	counters->pids = calloc(max_processes, sizeof(*counters->pids));
	counters->records = calloc(max_processes, sizeof(*counters->records));
	counters->order = calloc(max_processes, sizeof(*counters->order));
	if (!counters->pids || !counters->records || !counters->order) {
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
	free(counters->pids);
	free(counters->records);
	free(counters->order);
	free(counters);
}

static uint64_t read_tally(const struct counters *counters, __u32 place)
{
	uint64_t n = 0;

	bpf_map__lookup_elem(counters->maps.tallies, &place, sizeof(place), &n, sizeof(n), 0);
	return n;
}

/* Keys and values of a whole map, in few calls. */
static int read_map(const struct bpf_map *map, __u32 *keys, void *values, size_t value_size, size_t max, size_t *ret_n)
{
	__u32 position[4], *in = NULL; /* the kernel's own mark of where it was */
	size_t n = 0;

	for (;;) {
		__u32 count = (__u32)(max - n);
		int result = count ? bpf_map_lookup_batch(bpf_map__fd(map), in, position, keys + n, (char *)values + n * value_size,
							  &count, NULL) :
				     -ENOENT;

		if (result && result != -ENOENT)
			return result;
		n += count;
		if (result == -ENOENT || !count)
			break;
		in = position;
	}
	*ret_n = n;
	return 0;
}

static int read_maps(struct counters *counters)
{
	__u32 slots[MEMGAP_MAX_CGROUPS];
	size_t n_slots;
	int result = read_map(counters->maps.cgroups, slots, counters->cgroups, sizeof(counters->cgroups[0]), MEMGAP_MAX_CGROUPS,
			      &n_slots);

	return result ? result : read_map(counters->maps.processes, counters->pids, counters->records,
					  sizeof(counters->records[0]), counters->max, &counters->n);
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

static int compare_pids(const void *a, const void *b, void *pids)
{
	__u32 x = ((const __u32 *)pids)[*(const size_t *)a], y = ((const __u32 *)pids)[*(const size_t *)b];

	return (x > y) - (x < y);
}

/* What has been shown is not taken back, should a process be missing this time. */
static void keep_growing(struct memgap_counters *now, const struct memgap_counters *before)
{
	if (now->total_alloc >= before->total_alloc && now->mallocs >= before->mallocs && now->frees >= before->frees)
		return;
	*now = *before;
}

int counters_read(struct counters *counters)
{
	const struct memgap_counters none = { 0 };
	uint64_t settled;
	int result = 0;

	for (size_t i = 0; i < MEMGAP_MAX_CGROUPS; i++)
		counters->before[i] = counters->cgroups[i];
	for (int i = 0; !result && i < MAX_TRIES; i++) {
		settled = read_tally(counters, MEMGAP_SETTLED);
		result = read_maps(counters);
		if (read_tally(counters, MEMGAP_SETTLING) == settled)
			break;
	}
	if (result)
		return result;
	for (size_t i = 0; i < counters->n; i++) {
		const struct memgap_process *record = &counters->records[i];

		counters->order[i] = i;
		if (record->slot && record->slot < MEMGAP_MAX_CGROUPS)
			add(&counters->cgroups[record->slot], &record->counters, &record->settled);
	}
	for (size_t i = 0; i < MEMGAP_MAX_CGROUPS; i++)
		keep_growing(&counters->cgroups[i], &counters->before[i]);
	counters->cgroups[0] = none;
	qsort_r(counters->order, counters->n, sizeof(*counters->order), compare_pids, counters->pids);
	return 0;
}

const struct memgap_process *counters_of_process(const struct counters *counters, pid_t pid)
{
	size_t low = 0, high = counters->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2, at = counters->order[middle];

		if (counters->pids[at] == (__u32)pid)
			return &counters->records[at];
		if (counters->pids[at] < (__u32)pid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct memgap_counters *counters_of_cgroup(const struct counters *counters, uint32_t slot)
{
	return &counters->cgroups[slot < MEMGAP_MAX_CGROUPS ? slot : 0];
}
