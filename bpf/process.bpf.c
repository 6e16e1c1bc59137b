// SPDX-License-Identifier: GPL-2.0-only
/*
 * Process life: who is watched, and what becomes of its counters at fork, exec, exit and when it changes
 * its cgroup.
 */
#include "accounting.bpf.h"
#include "ends.bpf.h"

/* Room in `records`, set by the loader. */
const volatile __u32 max_processes = MEMGAP_MAX_PROCESSES;

/* Deeper nesting than this is not looked through; the kernel's own default limit is far above real use. */
#define MAX_CGROUP_DEPTH 32

/*
 * The cgroup that a task's memory is charged to: the memory controller's, on v1, v2 and hybrid hosts alike
 * (bpf_get_current_cgroup_id() knows v2 only). The controller's index depends on the kernel's configuration.
 */
static __always_inline struct cgroup *memory_cgroup(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	__u32 index = (__u32)bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	struct cgroup_subsys_state *css = NULL;

	bpf_probe_read_kernel(&css, sizeof(css), (void *)set + bpf_core_field_offset(struct css_set, subsys) +
						 index * sizeof(css));
	return css ? BPF_CORE_READ(css, cgroup) : NULL;
}

/* The slot of the nearest watched cgroup that a task is in; 0: in none. */
static __always_inline __u32 watched_slot(struct task_struct *task)
{
	struct cgroup *cgroup = memory_cgroup(task);
	struct cgroup_subsys_state *parent;
	__u32 *slot;
	__u64 id;

	for (int depth = 0; cgroup && depth < MAX_CGROUP_DEPTH; depth++) {
		id = BPF_CORE_READ(cgroup, kn, id);
		slot = bpf_map_lookup_elem(&watched_cgroups, &id);
		if (slot)
			return *slot;
		parent = BPF_CORE_READ(cgroup, self.parent);
		cgroup = parent ? BPF_CORE_READ(parent, cgroup) : NULL;
	}
	return 0;
}

/* The index of a record that nobody has; 0: there is none left. */
static __always_inline __u32 take_record(void)
{
	__u32 place = MEMGAP_RECORDS, index = 0;
	__u64 *taken = bpf_map_lookup_elem(&tallies, &place);

	if (taken && *taken < max_processes)
		index = (__u32)__sync_fetch_and_add(taken, 1) + 1;
	if (index && index <= max_processes)
		return index;
	return bpf_map_pop_elem(&free_records, &index) ? 0 : index;
}

static __always_inline void begin_record(struct memgap_process *p, const struct memgap_process *new, __u32 pid, __u32 index)
{
	__u32 generation = p->generation + 1;

	*p = *new;
	p->pid = pid;
	p->index = index;
	p->generation = generation;
}

static __always_inline void give_back_record(struct memgap_process *p, __u32 index)
{
	p->pid = 0;
	bpf_map_push_elem(&free_records, &index, 0);
}

static __always_inline int insert_process(__u32 pid, const struct memgap_process *new)
{
	__u32 index = take_record();
	struct memgap_process *p = index ? bpf_map_lookup_elem(&records, &index) : NULL;

	if (!p)
		return -1;
	begin_record(p, new, pid, index);
	if (!bpf_map_update_elem(&processes, &pid, &index, BPF_NOEXIST))
		return 0;
	give_back_record(p, index);
	return -1;
}

static __always_inline void remove_process(__u32 pid)
{
	__u32 index;
	struct memgap_process *p = record_of(pid, &index);

	bpf_map_delete_elem(&processes, &pid);
	if (p)
		give_back_record(p, index);
}

static __always_inline void add_process(__u32 pid, const struct memgap_process *new, __u32 event)
{
	struct memgap_process *p = find_record(pid);
	struct memgap_counters *c;

	if (p) {
		leave_line(p);
		begin_record(p, new, pid, p->index); /* another program, or a pid that is used again */
	} else if (insert_process(pid, new)) {
		tally(MEMGAP_LOST_PROCESS);
		c = cgroup_counters(new->slot);
		if (c)
			atomic_add(c->missed, 1);
		return;
	}
	/* a vfork child of a lone target only lends it its calls: nobody is to look at it */
	if (new->slot || new->keep)
		send_event(event, pid);
}

/*
 * A child that shares its parent's memory (vfork) is an alias; any other starts from its counters. Only remembered
 * blocks are not inherited: there may be millions. Such a child counts what is new, as if it had been found late.
 */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_pid = (__u32)BPF_CORE_READ(parent, tgid), pid = (__u32)BPF_CORE_READ(child, pid);
	struct memgap_process new = {}, *p;

	if ((__u32)BPF_CORE_READ(child, tgid) != pid || !BPF_CORE_READ(child, mm))
		return 0; /* a thread, or the kernel's own */
	p = find_record(parent_pid);
	new.slot = watched_slot(child);
	if (p && BPF_CORE_READ(child, mm) == BPF_CORE_READ(parent, mm))
		new.owner = p->owner ? p->owner : parent_pid;
	else if (!new.slot)
		return 0;
	else if (p && !p->owner && !p->remembers) {
		/* what it inherits was counted for its parent: its cgroup does not get it twice */
		new.counters = new.settled = p->counters;
		new.image_ns = p->image_ns;
	}
	add_process(pid, &new, MEMGAP_EVENT_FORK);
	return 0;
}

/* Four letters as a word: the loop that the compiler makes of letters 6.1 does not accept (a back-edge). */
#define LETTERS(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

static __always_inline __u32 letters_at(const char *text)
{
	const __u8 *bytes = (const __u8 *)text;

	return LETTERS(bytes[0], bytes[1], bytes[2], bytes[3]);
}

/*
 * Whether the name of a program, up to its 15th letter, is like a translator's: valgrind, valgrind.bin, memcheck-amd64-linux, qemu-x86_64.
 * The loader looks closely.
 */
static __always_inline bool may_translate(const char comm[TASK_COMM_LEN])
{
	__u32 first = letters_at(comm);

	if (first == LETTERS('q', 'e', 'm', 'u') || first == LETTERS('v', 'a', 'l', 'g'))
		return true;
#pragma unroll
	for (int i = 0; i < TASK_COMM_LEN - 4; i++) {
		__u32 letters = letters_at(comm + i);

		if (letters == LETTERS('-', 'a', 'm', 'd') || letters == LETTERS('-', 'a', 'r', 'm'))
			return true;
	}
	return false;
}

static __always_inline void notice_translator(__u32 pid)
{
	char comm[TASK_COMM_LEN];

	if (!bpf_get_current_comm(comm, sizeof(comm)) && may_translate(comm))
		send_event(MEMGAP_EVENT_TRANSLATOR, pid);
}

/* A new program: its counters start anew, its cgroup's totals go on. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, pid_t old_pid)
{
	__u32 pid = (__u32)BPF_CORE_READ(task, tgid);
	struct memgap_process new = {}, *p = find_record(pid);
	struct thread_state *t = current_thread(0);

	notice_translator(pid);
	if (t)
		t->sp = 0;
	if (p) {
		if (!p->owner)
			settle(p);
		new.slot = p->slot;
		new.keep = p->keep;
		if (p->owner && !new.slot) {
			/* the vfork child of a lone target has a memory of its own from here on, and is none itself */
			remove_process(pid);
			return 0;
		}
	} else {
		new.slot = watched_slot(task);
		if (!new.slot)
			return 0;
	}
	new.image_ns = bpf_ktime_get_ns();
	/* all other threads are gone; one that was not the first has taken over its pid (de_thread() in fs/exec.c) */
	add_process(pid, &new, (__u32)old_pid == pid ? MEMGAP_EVENT_EXEC : MEMGAP_EVENT_EXEC_BY_THREAD);
	return 0;
}

/* The newer kernels pass a second argument (group_dead); `live` is there on all of them. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	__u32 pid = (__u32)BPF_CORE_READ(task, tgid);
	struct signal_struct *signals = BPF_CORE_READ(task, signal);
	struct memgap_process *p = find_record(pid);

	if (!p)
		return 0;
	if (BPF_CORE_READ(signals, live.counter) > 0) {
		if (p->keep && (__u32)BPF_CORE_READ(task, pid) == pid && !is_ending(signals) && !is_in_exec(task, signals))
			send_event(MEMGAP_EVENT_FIRST_THREAD, pid);
		return 0;
	}
	settle(p);
	leave_line(p);
	if (p->keep)
		p->exited = 1;
	else
		remove_process(pid);
	send_event(MEMGAP_EVENT_EXIT, pid);
	return 0;
}

/* Fires for every controller; the memory cgroup may be the same as before. */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(process_moved, struct cgroup *to, const char *path, struct task_struct *task)
{
	__u32 pid = (__u32)BPF_CORE_READ(task, tgid), slot;
	struct memgap_process new = {}, *p;

	if ((__u32)BPF_CORE_READ(task, pid) != pid)
		return 0; /* a lone thread: memory is the process's */
	slot = watched_slot(task);
	p = find_record(pid);
	if (!p && slot) {
		new.slot = slot;
		add_process(pid, &new, MEMGAP_EVENT_JOIN);
	} else if (p && p->slot != slot && p->keep != MEMGAP_KEEP_IN_SLOT) {
		settle(p);
		p->slot = slot;
		if (!slot && !p->keep)
			remove_process(pid);
		send_event(slot ? MEMGAP_EVENT_JOIN : MEMGAP_EVENT_LEAVE, pid);
	}
	return 0;
}
