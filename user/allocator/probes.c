// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <malloc.h>
#include <memgap.skel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/allocator/counters.h"
#include "user/allocator/host.h"
#include "user/allocator/object.h"
#include "user/allocator/probed_files.h"
#include "user/allocator/records.h"
#include "user/allocator/trial.h"
#include "user/allocator/uprobes.h"
#include "user/base/log.h"
#include "user/base/units.h"

#define FAMILY_TYPICAL 12 /* functions of a libc */

/* Where a probe's cost could not be measured. */
static const struct probe_cost assumed_cost = { 1000, 20000, 500 };

/* On top of a hit of an empty program: what ours do (10 to 15 %), and what a trap costs the code behind it, in caches and TLB. */
#define ACCOUNTING_PERCENT 25

struct probes {
	struct memgap_bpf *bpf;
	struct ring_buffer *ring;
	struct probed_files files;
	struct probes_features features;
	struct records records;
	struct counters *counters;
	bool untidy;          /* something has ended since probes_tidy() */
	uint64_t events_lost; /* as last seen */
	probes_event callback; /* during probes_take_events() */
	void *callback_data;
};

static int pass_event(void *context, void *data, size_t size)
{
	const struct memgap_event *event = data;
	struct probes *probes = context;

	if (size < sizeof(*event) || !probes->callback)
		return 0;
	probes->untidy |= event->type == MEMGAP_EVENT_EXIT || event->type == MEMGAP_EVENT_EXEC ||
			  event->type == MEMGAP_EVENT_EXEC_BY_THREAD;
	probes->callback(event, probes->callback_data);
	return 0;
}

/* The probes on allocators come with the targets. */
static int attach(struct probes *probes, struct error *err)
{
	int result = memgap_bpf__attach(probes->bpf);

	if (result)
		return error_set(err, EXIT_HOST, "cannot attach to the kernel's tracepoints (%s): MEMGAP_DEBUG=1 shows which",
				 strerror(-result));
	probes->ring = ring_buffer__new(bpf_map__fd(probes->bpf->maps.events), pass_event, probes, NULL);
	if (!probes->ring)
		return error_set(err, EXIT_FAILED, "cannot map the event ring: %s", strerror(errno));
	return 0;
}

static int open_counters(struct probes *probes)
{
	struct records_maps maps = { probes->bpf->maps.processes, probes->bpf->maps.records, probes->bpf->maps.free_records,
				     probes->bpf->maps.cgroups, probes->bpf->maps.tallies, probes->bpf->maps.lines };
	int result = records_open(&maps, &probes->records);

	return result ? result : counters_open(&probes->records, &probes->counters);
}

int probes_prepare(int proc_fd, const struct probes_limits *limits, struct probes **ret, struct error *err)
{
	struct probes *probes;

	if (host_check(proc_fd, err))
		return -1;
	probes = calloc(1, sizeof(*probes));
	if (!probes)
		return error_set(err, EXIT_FAILED, "out of memory");
	if (object_load(limits, &probes->bpf, &probes->features, err)) {
		probes_close(probes);
		return -1;
	}
	probes->files = (struct probed_files){
		.proc_fd = proc_fd,
		.iterator = bpf_program__autoload(probes->bpf->progs.list_modules) ? probes->bpf->progs.list_modules : NULL,
		/* no returns of anybody: those on a file run in every process that maps it, and any may get a filter later */
		.known = { .no_returns = !probes->features.returns_survive, .libraries = probes->bpf->maps.libraries },
		.beside = { probes->bpf->progs.malloc_enter, probes->bpf->progs.malloc_return, probes->bpf->progs.free_enter,
			    probes->bpf->progs.malloc_exit },
		.remembered = { probes->bpf->progs.block_enter, probes->bpf->progs.block_return, probes->bpf->progs.block_free,
				probes->bpf->progs.block_exit },
	};
	if (open_counters(probes)) {
		probes_close(probes);
		return error_set(err, EXIT_FAILED, "out of memory");
	}
	/* libbpf parsed the kernel's BTF, some megabytes that are not needed any more */
	malloc_trim(0);
	*ret = probes;
	return 0;
}

int probes_open(int proc_fd, const struct probes_limits *limits, struct probes **ret, struct error *err)
{
	struct probes *probes;

	if (probes_prepare(proc_fd, limits, &probes, err))
		return -1;
	/* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): where there are none it has failed, as error_set() is -1 */
	if (attach(probes, err)) {
		probes_close(probes);
		return -1;
	}
	if (probes->files.known.no_returns)
		log_message("on this kernel a return probe kills a process under a seccomp filter (Linux 6.11 to 6.13.2): calls are probed at "
			    "each RET instead, which costs more");
	*ret = probes;
	return 0;
}

bool probes_are_beyond_kernel(void)
{
	return object_is_beyond_kernel();
}

const struct probes_features *probes_features(const struct probes *probes)
{
	return &probes->features;
}

const struct bpf_program *probes_module_iterator(const struct probes *probes)
{
	return probes->files.iterator;
}

int probes_measure_cost(const struct probes *probes, struct probe_cost *ret)
{
	struct trial_programs programs = object_trial_programs(probes->bpf);

	return cost_measure(&programs, ret);
}

void probes_detach(struct probes *probes)
{
	probed_files_detach(&probes->files);
}

void probes_close(struct probes *probes)
{
	if (!probes)
		return;
	probed_files_remove_all(&probes->files);
	counters_close(probes->counters);
	records_close(&probes->records);
	ring_buffer__free(probes->ring);
	memgap_bpf__destroy(probes->bpf);
	free(probes);
}

size_t probes_fds_per_process(const struct probes *probes)
{
	return uprobes_are_multi(probes->bpf->progs.malloc_enter) ? 5 : 2 * FAMILY_TYPICAL + 1;
}

int probes_watch_cgroup(struct probes *probes, uint64_t cgroup_id, uint32_t slot)
{
	return bpf_map__update_elem(probes->bpf->maps.watched_cgroups, &cgroup_id, sizeof(cgroup_id), &slot, sizeof(slot),
				    BPF_NOEXIST);
}

int probes_attach(struct probes *probes, pid_t pid, bool everyone, struct allocator *ret)
{
	return probed_files_attach(&probes->files, pid, everyone, ret);
}

int probes_attach_file(struct probes *probes, const char *path, pid_t pid, struct allocator *ret)
{
	return probed_files_attach_path(&probes->files, path, pid, ret);
}

struct taken_away {
	struct attachment *list;
	size_t n;
};

int probes_take_away(struct probes *probes, const probe_group *groups, size_t n, struct taken_away **ret)
{
	struct taken_away *taken = calloc(1, sizeof(*taken));
	int result = taken ? probed_files_take_away(&probes->files, groups, n, &taken->list, &taken->n) : -ENOMEM;

	if (result)
		free(taken);
	else
		*ret = taken;
	return result;
}

void probes_taken_away(struct taken_away *taken)
{
	struct attachment **list = calloc(taken->n + 1, sizeof(*list));

	for (size_t i = 0; i < taken->n; i++) {
		if (list)
			list[i] = &taken->list[i];
		else
			attachment_remove(&taken->list[i]);
	}
	if (list)
		attachments_remove(list, taken->n);
	free(list);
	free(taken->list);
	free(taken);
}

int probes_put_back(struct probes *probes, probe_group group)
{
	probes->bpf->bss->probes_epoch++;
	return probed_files_put_back(&probes->files, group);
}

static int64_t known_or(int64_t measured, int64_t assumed)
{
	return is_known(measured) ? measured : assumed;
}

struct call_cost probes_call_cost(const struct probes *probes, const struct probe_cost *measured, uint32_t library)
{
	const struct probe_cost cost = {
		.emulated = known_or(measured->emulated, assumed_cost.emulated),
		.stepped = known_or(measured->stepped, assumed_cost.stepped),
		.returned = known_or(measured->returned, assumed_cost.returned),
	};
	struct call_cost found = cost_of_library(&cost, known_files_library(&probes->files.known, library));

	return (struct call_cost){ found.malloc_ns * (100 + ACCOUNTING_PERCENT) / 100, found.free_ns * (100 + ACCOUNTING_PERCENT) / 100 };
}

void probes_drop(struct probes *probes, pid_t pid)
{
	probed_files_drop(&probes->files, pid);
}

void probes_forget(struct probes *probes, pid_t pid)
{
	probed_files_forget(&probes->files, pid);
}

int probes_add(struct probes *probes, pid_t pid, uint32_t slot, enum memgap_keep keep)
{
	struct memgap_process process = { .slot = slot, .keep = keep };

	return records_add(&probes->records, pid, &process);
}

void probes_remove(struct probes *probes, pid_t pid)
{
	records_remove(&probes->records, pid);
}

const struct memgap_process *probes_record(struct probes *probes, pid_t pid, uint32_t *index)
{
	const struct memgap_process *record = *index && *index <= probes->records.max ? &probes->records.all[*index] : NULL;

	if (record && record->pid == (__u32)pid)
		return record;
	record = records_find(&probes->records, pid);
	*index = record ? record->index : 0;
	return record;
}

const struct records *probes_records(const struct probes *probes)
{
	return &probes->records;
}

void probes_set_presence(struct probes *probes, pid_t pid, enum memgap_presence presence)
{
	records_set_presence(&probes->records, pid, presence);
}

int probes_read_process(struct probes *probes, pid_t pid, struct memgap_process *ret)
{
	const struct memgap_process *process = records_find(&probes->records, pid);

	if (!process)
		return -ENOENT;
	*ret = *process;
	ret->counters.alloc = memgap_alloc(&ret->counters);
	return 0;
}

void probes_read_counters(struct probes *probes)
{
	counters_read(probes->counters);
}

const struct counters *probes_counters(const struct probes *probes)
{
	return probes->counters;
}

void probes_tidy(struct probes *probes)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);

	if (!probes->untidy || !probes->files.any_remembered)
		return;
	probes->untidy = false;
	if (bpf_prog_test_run_opts(bpf_program__fd(probes->bpf->progs.purge_blocks), &options))
		log_debug("cannot forget blocks: errno %d", errno);
}

size_t probes_blocks(struct probes *probes)
{
	const struct bpf_map *map = probes->bpf->maps.blocks;
	struct memgap_bucket bucket;
	size_t n = 0;

	for (__u32 i = 0; i < bpf_map__max_entries(map); i++)
		for (int j = bpf_map__lookup_elem(map, &i, sizeof(i), &bucket, sizeof(bucket), 0) ? MEMGAP_BUCKET_SLOTS : 0;
		     j < MEMGAP_BUCKET_SLOTS; j++)
			n += bucket.slots[j].tag != 0;
	return n;
}

size_t probes_list(struct probes *probes, pid_t *pids, size_t max)
{
	uint32_t used = records_used(&probes->records);
	size_t n = 0;

	for (uint32_t i = 1; i <= used && n < max; i++)
		if (probes->records.all[i].pid)
			pids[n++] = (pid_t)probes->records.all[i].pid;
	return n;
}

size_t probes_read_strangers(const struct probes *probes, struct stranger_hits *ret)
{
	struct memgap_stranger keys[MEMGAP_MAX_STRANGERS];
	__u64 hits[MEMGAP_MAX_STRANGERS];
	__u32 batch, n = MEMGAP_MAX_STRANGERS;

	/* -ENOENT: that was all */
	if (bpf_map_lookup_batch(bpf_map__fd(probes->bpf->maps.strangers), NULL, &batch, keys, hits, &n, NULL) && errno != ENOENT)
		return 0;
	for (__u32 i = 0; i < n; i++)
		ret[i] = (struct stranger_hits){ keys[i], hits[i] };
	return n;
}

int probes_events_fd(const struct probes *probes)
{
	return ring_buffer__epoll_fd(probes->ring);
}

void probes_take_events(struct probes *probes, probes_event callback, void *data, bool *ret_lost)
{
	uint64_t lost;

	probes->callback = callback;
	probes->callback_data = data;
	ring_buffer__consume(probes->ring);
	probes->callback = NULL;
	lost = records_tally(&probes->records, MEMGAP_LOST_EVENT);
	*ret_lost = lost != probes->events_lost;
	probes->events_lost = lost;
}

uint64_t probes_lost(struct probes *probes)
{
	uint64_t lost = records_tally(&probes->records, MEMGAP_LOST_PROCESS);
	struct bpf_program *program;

	bpf_object__for_each_program(program, probes->bpf->obj) {
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);

		if (!bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
			lost += info.recursion_misses;
	}
	return lost;
}
