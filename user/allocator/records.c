// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/records.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* An array map as the kernel lays it out for mmap(): elements of whole words, whole pages in all. */
static size_t bytes_of(const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (bpf_map__value_size(map) + 7UL) / 8 * 8 * bpf_map__max_entries(map);

	return (bytes + page - 1) / page * page;
}

static int map_array(const struct bpf_map *map, void **ret)
{
	void *at = mmap(NULL, bytes_of(map), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (at == MAP_FAILED)
		return -errno;
	*ret = at;
	return 0;
}

static void unmap_array(const struct bpf_map *map, void *at)
{
	if (at)
		munmap(at, bytes_of(map));
}

int records_open(const struct records_maps *maps, struct records *ret)
{
	int result;

	*ret = (struct records){ .maps = *maps, .max = bpf_map__max_entries(maps->records) - 1 };
	result = map_array(maps->records, (void **)&ret->all);
	if (!result)
		result = map_array(maps->cgroups, (void **)&ret->cgroups);
	if (!result)
		result = map_array(maps->tallies, (void **)&ret->tallies);
	if (!result)
		result = map_array(maps->lines, (void **)&ret->lines);
	return result;
}

void records_close(struct records *records)
{
	unmap_array(records->maps.records, records->all);
	unmap_array(records->maps.cgroups, records->cgroups);
	unmap_array(records->maps.tallies, records->tallies);
	unmap_array(records->maps.lines, records->lines);
	*records = (struct records){ 0 };
}

uint64_t records_tally(const struct records *records, enum memgap_tally place)
{
	return __atomic_load_n(&records->tallies[place], __ATOMIC_ACQUIRE);
}

uint32_t records_used(const struct records *records)
{
	uint64_t taken = records_tally(records, MEMGAP_RECORDS);

	return taken < records->max ? (uint32_t)taken : records->max;
}

/* 0: there is none left. */
static uint32_t take(struct records *records)
{
	uint32_t index = 0;

	if (records_tally(records, MEMGAP_RECORDS) < records->max) {
		uint64_t taken = __atomic_add_fetch(&records->tallies[MEMGAP_RECORDS], 1, __ATOMIC_ACQ_REL);

		if (taken <= records->max)
			return (uint32_t)taken;
	}
	return bpf_map__lookup_and_delete_elem(records->maps.free_records, NULL, 0, &index, sizeof(index), 0) ? 0 : index;
}

static void give_back(struct records *records, uint32_t index)
{
	__atomic_store_n(&records->all[index].pid, 0, __ATOMIC_RELEASE);
	bpf_map__update_elem(records->maps.free_records, NULL, 0, &index, sizeof(index), BPF_ANY);
}

int records_add(struct records *records, pid_t pid, const struct memgap_process *process)
{
	uint32_t index = take(records), key = (uint32_t)pid, generation;
	int result;

	if (!index)
		return -ENOSPC;
	generation = records->all[index].generation + 1;
	records->all[index] = *process;
	records->all[index].generation = generation;
	records->all[index].index = index;
	records->all[index].pid = key;
	result = bpf_map__update_elem(records->maps.processes, &key, sizeof(key), &index, sizeof(index), BPF_NOEXIST);
	if (result)
		give_back(records, index);
	return result;
}

void records_remove(struct records *records, pid_t pid)
{
	uint32_t index, key = (uint32_t)pid;

	if (bpf_map__lookup_elem(records->maps.processes, &key, sizeof(key), &index, sizeof(index), 0) ||
	    bpf_map__delete_elem(records->maps.processes, &key, sizeof(key), 0))
		return;
	give_back(records, index);
}

static struct memgap_process *find(const struct records *records, pid_t pid)
{
	uint32_t index, key = (uint32_t)pid;

	if (bpf_map__lookup_elem(records->maps.processes, &key, sizeof(key), &index, sizeof(index), 0) || index > records->max)
		return NULL;
	return &records->all[index];
}

const struct memgap_process *records_find(const struct records *records, pid_t pid)
{
	return find(records, pid);
}

void records_set_presence(struct records *records, pid_t pid, enum memgap_presence presence)
{
	struct memgap_process *process = find(records, pid);

	if (process)
		__atomic_store_n(&process->presence, presence, __ATOMIC_RELAXED);
}
