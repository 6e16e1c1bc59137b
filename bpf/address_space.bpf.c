// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address space: what a process fetches from the kernel and gives back. The arguments of a system call are
 * still in its registers when it returns, so one program a call suffices; only brk needs the
 * state from before. A call that failed counts nothing.
 */
#include "accounting.bpf.h"

#define MAX_ERRNO 4095UL

/* include/uapi/asm-generic/mman-common.h, mman.h */
#define PROT_EXEC 0x4
#define MAP_ANONYMOUS 0x20
#define MADV_DONTNEED 4
#define MADV_FREE 8

#define FLOW_ADD(p, field, n) atomic_add((p)->counters.field, (n))

static __always_inline __u64 whole_pages(__u64 bytes)
{
	return (bytes + PAGE_BYTES - 1) & -PAGE_BYTES;
}

static __always_inline bool failed(long ret)
{
	return (__u64)ret >= -MAX_ERRNO;
}

static __always_inline struct pt_regs *syscall_regs(void)
{
	return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

SEC("tracepoint/syscalls/sys_exit_mmap")
int mmap_return(struct trace_event_raw_sys_exit *ctx)
{
	struct memgap_process *p = process_of(current_thread(0));
	struct pt_regs *regs;
	__u64 flags;

	if (!p || failed(ctx->ret))
		return 0;
	regs = syscall_regs();
	flags = PT_REGS_PARM4_CORE_SYSCALL(regs);
	FLOW_ADD(p, mapped, whole_pages(PT_REGS_PARM2_CORE_SYSCALL(regs)));
	if (!(flags & MAP_ANONYMOUS) && (PT_REGS_PARM3_CORE_SYSCALL(regs) & PROT_EXEC))
		send_event(MEMGAP_EVENT_MAP, bpf_get_current_pid_tgid() >> 32);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_munmap")
int munmap_return(struct trace_event_raw_sys_exit *ctx)
{
	struct memgap_process *p = process_of(current_thread(0));

	if (p && !failed(ctx->ret))
		FLOW_ADD(p, unmapped, whole_pages(PT_REGS_PARM2_CORE_SYSCALL(syscall_regs())));
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_mremap")
int mremap_return(struct trace_event_raw_sys_exit *ctx)
{
	struct memgap_process *p = process_of(current_thread(0));
	__u64 old_bytes, new_bytes;
	struct pt_regs *regs;

	if (!p || failed(ctx->ret))
		return 0;
	regs = syscall_regs();
	old_bytes = whole_pages(PT_REGS_PARM2_CORE_SYSCALL(regs));
	new_bytes = whole_pages(PT_REGS_PARM3_CORE_SYSCALL(regs));
	if (new_bytes > old_bytes)
		FLOW_ADD(p, mapped, new_bytes - old_bytes);
	else
		FLOW_ADD(p, unmapped, old_bytes - new_bytes);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_brk")
int brk_enter(void *ctx)
{
	struct thread_state *t = current_thread(0);
	struct memgap_process *p = process_of(t);

	if (!p)
		return 0;
	if (!t)
		t = current_thread(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t) {
		count_missed(p);
		return 0;
	}
	t->brk_before = BPF_CORE_READ(bpf_get_current_task_btf(), mm, brk);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_brk")
int brk_return(struct trace_event_raw_sys_exit *ctx)
{
	struct thread_state *t = current_thread(0);
	struct memgap_process *p = process_of(t);

	if (!p || !t || !t->brk_before)
		return 0;
	/* brk returns the end of the heap, also when it did not move it */
	FLOW_ADD(p, brk, (__s64)ctx->ret - (__s64)t->brk_before);
	t->brk_before = 0;
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_madvise")
int madvise_return(struct trace_event_raw_sys_exit *ctx)
{
	struct memgap_process *p = process_of(current_thread(0));
	struct pt_regs *regs;
	__u64 advice;

	if (!p || failed(ctx->ret))
		return 0;
	regs = syscall_regs();
	advice = PT_REGS_PARM3_CORE_SYSCALL(regs);
	if (advice == MADV_DONTNEED || advice == MADV_FREE)
		FLOW_ADD(p, returned, whole_pages(PT_REGS_PARM2_CORE_SYSCALL(regs)));
	return 0;
}
