// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/cgroup_stat.h"

#include "user/base/units.h"
#include "user/kernel/keyed.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define FIELD(member, key) KEYED_FIELD(struct cgroup_memory, member, key)

void cgroup_parse_stat_v1(const char *text, struct cgroup_memory *memory)
{
	static const struct keyed_field fields[] = {
		FIELD(anon, "total_rss "),
		FIELD(file, "total_cache "),
		FIELD(shmem, "total_shmem "),
		FIELD(inactive_file, "total_inactive_file "),
		FIELD(swap, "total_swap "),
		FIELD(limit, "hierarchical_memory_limit "),
	};

	keyed_parse(text, fields, COUNT_OF(fields), "", 1, memory);
	memory->limit = cgroup_limit(memory->limit);
}

/* What "kernel" is made of (memcg_account_kmem() in mm/memcontrol.c), as kernels before 5.18 show it. */
struct kernel_parts {
	int64_t stack, slab;                  /* always there */
	int64_t pagetables, percpu, vmalloc;  /* came later */
};

static int64_t or_0(int64_t value)
{
	return is_known(value) ? value : 0;
}

/* slab comes last of them, so where it is known nothing was cut. */
static int64_t sum_kernel_parts(const char *text)
{
	static const struct keyed_field fields[] = {
		KEYED_FIELD(struct kernel_parts, stack, "kernel_stack "),
		KEYED_FIELD(struct kernel_parts, slab, "slab "),
		KEYED_FIELD(struct kernel_parts, pagetables, "pagetables "),
		KEYED_FIELD(struct kernel_parts, percpu, "percpu "),
		KEYED_FIELD(struct kernel_parts, vmalloc, "vmalloc "),
	};
	struct kernel_parts parts;
	int64_t sum;

	keyed_parse(text, fields, COUNT_OF(fields), "", 1, &parts);
	if (!is_known(parts.stack) || !is_known(parts.slab))
		return UNKNOWN;
	if (__builtin_add_overflow(parts.stack, parts.slab, &sum) || __builtin_add_overflow(sum, or_0(parts.pagetables), &sum) ||
	    __builtin_add_overflow(sum, or_0(parts.percpu), &sum) || __builtin_add_overflow(sum, or_0(parts.vmalloc), &sum))
		return UNKNOWN;
	return sum;
}

void cgroup_parse_stat_v2(const char *text, struct cgroup_memory *memory)
{
	static const struct keyed_field fields[] = {
		FIELD(anon, "anon "),
		FIELD(file, "file "),
		FIELD(shmem, "shmem "),
		FIELD(inactive_file, "inactive_file "),
		FIELD(kernel, "kernel "),
	};

	keyed_parse(text, fields, COUNT_OF(fields), "", 1, memory);
	if (!is_known(memory->kernel))
		memory->kernel = sum_kernel_parts(text);
}

void cgroup_parse_events(const char *text, struct cgroup_memory *memory)
{
	static const struct keyed_field fields[] = { FIELD(oom_kills, "oom_kill ") };

	keyed_parse(text, fields, COUNT_OF(fields), "", 1, memory);
}
