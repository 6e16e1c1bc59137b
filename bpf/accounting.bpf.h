/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting: one place where the counters of a process and of its cgroup are changed. All of it is atomic:
 * threads of a process run on all cores, and a uprobe's program may be preempted by another thread's.
 */
#ifndef MEMGAP_ACCOUNTING_BPF_H
#define MEMGAP_ACCOUNTING_BPF_H

#include "maps.bpf.h"

#define atomic_add(counter, n) ((void)__sync_fetch_and_add(&(counter), (n)))

static __always_inline void tally(__u32 place)
{
	__u64 *n = bpf_map_lookup_elem(&tallies, &place);

	if (n)
		atomic_add(*n, 1);
}

/* Tells the loader; a full ring makes it read the whole process map instead. */
static __always_inline void send_event(__u32 type, __u32 pid)
{
	struct memgap_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		tally(MEMGAP_LOST_EVENT);
		return;
	}
	e->type = type;
	e->pid = pid;
	bpf_ringbuf_submit(e, 0);
}

static __always_inline struct thread_state *current_thread(__u64 flags)
{
	return bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, flags);
}

/* The record of a process, and its index; NULL: it is not watched. */
static __always_inline struct memgap_process *record_of(__u32 pid, __u32 *ret_index)
{
	__u32 *index = bpf_map_lookup_elem(&processes, &pid);

	if (!index)
		return NULL;
	*ret_index = *index;
	return bpf_map_lookup_elem(&records, index);
}

static __always_inline struct memgap_process *find_record(__u32 pid)
{
	__u32 index;

	return record_of(pid, &index);
}

/* The process whose memory the current thread, with that state or NULL, runs in; NULL: it is not watched. */
static __always_inline struct memgap_process *process_of(struct thread_state *t)
{
	__u32 pid = (__u32)bpf_get_current_task_btf()->tgid, index;
	struct memgap_process *p;

	if (likely(t && t->record)) {
		p = bpf_map_lookup_elem(&records, &t->record);
		if (likely(p && p->pid == pid))
			return p;
	}
	p = record_of(pid, &index);
	if (!p)
		return NULL;
	if (p->owner)
		return find_record(p->owner);
	if (t)
		t->record = index;
	return p;
}

static __always_inline struct memgap_counters *cgroup_counters(__u32 slot)
{
	return slot ? bpf_map_lookup_elem(&cgroups, &slot) : NULL;
}

static __always_inline void count_missed(struct memgap_process *p)
{
	atomic_add(p->counters.missed, 1);
}

/* Of a block that was never counted, of an allocator whose sizes are remembered. */
static __always_inline void count_unknown_free(struct memgap_process *p)
{
	atomic_add(p->counters.unknown_frees, 1);
}

/* In bpf/line.bpf.c: the line has been reached. */
int line_cross(__u32 index);

/* What a process holds has changed: bytes; net: handed out less given back, since the watch. */
static __always_inline void follow_line(__u32 index, __s64 change, __s64 net)
{
	struct memgap_line *line = bpf_map_lookup_elem(&lines, &index);

	if (!line || !line->armed)
		return;
	if (index < MEMGAP_LINE_OF_CGROUP ? net < line->at : __sync_fetch_and_add(&line->left, -change) > change)
		return;
	line_cross(index);
}

static __always_inline void count_malloc(struct memgap_process *p, __u64 usable)
{
	__u64 total = __sync_fetch_and_add(&p->counters.total_alloc, usable) + usable;
	__u32 index = p->line;

	atomic_add(p->counters.mallocs, 1);
	if (unlikely(index))
		follow_line(index, (__s64)usable, (__s64)(total - p->counters.freed));
}

/* Threads that raise it at once; a try that is lost is made up for by the next free. */
#define MAX_RAISES 4

/* What was freed more than was ever counted was there before: the most that this has been, at any free. */
static __always_inline void raise_early_freed(struct memgap_process *p, __u64 freed)
{
	for (int i = 0; i < MAX_RAISES; i++) {
		__u64 early = p->counters.early_freed, total = p->counters.total_alloc;

		if ((__s64)(freed - total - early) <= 0 ||
		    __sync_val_compare_and_swap(&p->counters.early_freed, early, freed - total) == early)
			return;
	}
}

static __always_inline void raise_left(__u32 index, __u64 usable)
{
	struct memgap_line *line = bpf_map_lookup_elem(&lines, &index);

	if (line)
		atomic_add(line->left, (__s64)usable);
}

/* A process ends: what it was handed out since the watch, and has not given back, is nobody's any more. */
static __always_inline void leave_line(struct memgap_process *p)
{
	__s64 net = memgap_net(&p->counters);

	if (p->line >= MEMGAP_LINE_OF_CGROUP && net > 0)
		raise_left(p->line, (__u64)net);
	p->line = 0;
}

static __always_inline void count_free(struct memgap_process *p, __u64 usable)
{
	__u64 freed = __sync_fetch_and_add(&p->counters.freed, usable) + usable;

	if (unlikely((__s64)(freed - p->counters.total_alloc - p->counters.early_freed) > 0))
		raise_early_freed(p, freed);
	atomic_add(p->counters.frees, 1);
	if (unlikely(p->line >= MEMGAP_LINE_OF_CGROUP))
		raise_left(p->line, usable);
}

/* Moves to the cgroup what a counter of the process has more than was settled before. */
#define SETTLE(p, c, field)                                             \
	do {                                                            \
		typeof((p)->counters.field) now_ = (p)->counters.field; \
		atomic_add((c)->field, now_ - (p)->settled.field);      \
		(p)->settled.field = now_;                              \
	} while (0)

/*
 * What a process has counted so far is its cgroup's for good: before it leaves it, ends, or begins another program. Its
 * threads may go on counting: that comes later.
 */
static __always_inline void settle(struct memgap_process *p)
{
	struct memgap_counters *c = cgroup_counters(p->slot);

	if (!c) {
		p->settled = p->counters;
		return;
	}
	tally(MEMGAP_SETTLING);
	SETTLE(p, c, total_alloc);
	SETTLE(p, c, mallocs);
	SETTLE(p, c, frees);
	SETTLE(p, c, early_freed);
	SETTLE(p, c, mapped);
	SETTLE(p, c, unmapped);
	SETTLE(p, c, brk);
	SETTLE(p, c, returned);
	SETTLE(p, c, missed);
	tally(MEMGAP_SETTLED);
}

#endif
