// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/object.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <memgap.skel.h>
#include <string.h>

#include "user/allocator/messages.h"
#include "user/allocator/tcmalloc.h"
#include "user/allocator/uprobes.h"

bool object_is_beyond_kernel(void)
{
	/* tried, not told by the version: distributions have it in older kernels, too */
	return !libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_attach_cookie, NULL);
}

static int explain_load(int result, struct error *err)
{
	if (error_is_out_of_fds(-result, err))
		return -1;
	if (object_is_beyond_kernel())
		return error_set(err, EXIT_HOST, "this kernel's uprobes have no cookies: memgap's probes need Linux 5.15 or later; "
				 "`--source auto`, heap, go and none work without");
	if (result == -EPERM || result == -EACCES)
		return error_set(err, EXIT_HOST, "the kernel refused the BPF programs (%s): run as root, or in a container with "
				 "--privileged, or with a seccomp profile that lets bpf() through; MEMGAP_DEBUG=1 shows why", strerror(-result));
	return error_set(err, EXIT_HOST, "cannot load the BPF programs (%s): MEMGAP_DEBUG=1 shows why; "
			 "`--source heap`, go and none work without", strerror(-result));
}

static int explain_trial(int result, struct error *err)
{
	if (error_is_out_of_fds(-result, err))
		return -1;
	/* perf_uprobe_event_init() in kernel/events/core.c; uprobe links, which CAP_PERFMON is enough for, are there from 6.6 on */
	if (result == -EPERM || result == -EACCES)
		return error_set(err, EXIT_HOST, "the kernel refused a probe on a child of memgap's own (%s): before Linux 6.6 that takes "
				 "CAP_SYS_ADMIN: run as root (sudo), or with it; `--source none` works without", strerror(-result));
	return error_set(err, EXIT_HOST, "cannot try a probe on a child (%s): `--source heap`, go and none work without", strerror(-result));
}

/* How the object may be loaded, the newest kernels' way first. */
static const struct way {
	bool iterator; /* of the mappings of one process: Linux 6.1 */
	bool multi;    /* uprobe links for many places: Linux 6.6 */
} ways[] = { { true, true }, { true, false }, { false, false } };

/* A power of two, with room for twice as many blocks. */
static uint32_t buckets_for(unsigned int blocks)
{
	uint32_t buckets = 2;

	while ((uint64_t)buckets * MEMGAP_BUCKET_SLOTS < 2ULL * blocks)
		buckets *= 2;
	return buckets;
}

static int load_with(const struct way *way, const struct probes_limits *limits, struct memgap_bpf **ret)
{
	struct memgap_bpf *bpf = memgap_bpf__open();

	if (!bpf)
		return -errno;
	*ret = bpf;
	tcmalloc_fill_classes((uint32_t *)bpf->rodata->tcmalloc_usable);
	if (limits->processes) {
		bpf_map__set_max_entries(bpf->maps.processes, limits->processes);
		bpf_map__set_max_entries(bpf->maps.records, limits->processes + 1);
		bpf->rodata->max_processes = limits->processes;
	}
	if (limits->blocks) {
		bpf_map__set_max_entries(bpf->maps.blocks, buckets_for(limits->blocks));
		bpf->rodata->last_bucket = buckets_for(limits->blocks) - 1;
	}
	bpf_program__set_autoload(bpf->progs.list_modules, way->iterator);
	bpf_program__set_autoattach(bpf->progs.list_modules, false);
	if (way->multi) {
		uprobes_prefer_multi(bpf->progs.malloc_enter);
		uprobes_prefer_multi(bpf->progs.malloc_return);
		uprobes_prefer_multi(bpf->progs.malloc_exit);
		uprobes_prefer_multi(bpf->progs.free_enter);
		uprobes_prefer_multi(bpf->progs.block_enter);
		uprobes_prefer_multi(bpf->progs.block_return);
		uprobes_prefer_multi(bpf->progs.block_free);
		uprobes_prefer_multi(bpf->progs.block_exit);
		uprobes_prefer_multi(bpf->progs.trial_enter);
	}
	return memgap_bpf__load(bpf);
}

struct trial_programs object_trial_programs(const struct memgap_bpf *bpf)
{
	return (struct trial_programs){ bpf->progs.trial_enter, bpf->progs.malloc_return,
					bpf->maps.trial_hits };
}

static int try_probes(const struct memgap_bpf *bpf, struct trial *ret)
{
	struct trial_programs programs = object_trial_programs(bpf);
	int result = trial_run(&programs, ret);

	return !result && !ret->sees_all_threads ? -ENOTSUP : result;
}

int object_load(const struct probes_limits *limits, struct memgap_bpf **ret, struct probes_features *ret_features, struct error *err)
{
	struct memgap_bpf *bpf = NULL;
	bool loaded = false;
	struct trial trial;
	int result = 0;

	libbpf_says_at_debug();
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && result != -EPERM; i++) {
		result = load_with(&ways[i], limits, &bpf);
		loaded = !result;
		if (!result)
			result = try_probes(bpf, &trial);
		if (!result) {
			*ret = bpf;
			*ret_features = (struct probes_features){ ways[i].iterator, ways[i].multi, trial.survives && !limits->no_returns };
			return 0;
		}
		memgap_bpf__destroy(bpf);
		bpf = NULL;
	}
	if (!loaded)
		return explain_load(result, err);
	return explain_trial(result, err);
}
