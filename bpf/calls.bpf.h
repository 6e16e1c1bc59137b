/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls of an allocator, from the entry's probe to the return's. Allocators call themselves (realloc calls malloc): only the
 * outermost call counts.
 */
#ifndef MEMGAP_CALLS_BPF_H
#define MEMGAP_CALLS_BPF_H

#include "accounting.bpf.h"
#include "registers.bpf.h"

/*
 * The outer call's return address has been replaced by the return probe's trampoline, at the start of the process's
 * area for out-of-line execution (uprobe_get_trampoline_vaddr() in kernel/events/uprobes.c). A tail call
 * finds it where a call from elsewhere would have put an address of its own.
 */
static __always_inline bool returns_to_trampoline(struct pt_regs *ctx, __u64 sp)
{
	struct mm_struct *mm = BPF_CORE_READ(bpf_get_current_task_btf(), mm);
	struct xol_area *area = BPF_CORE_READ(mm, uprobes_state.xol_area);

	return area && return_address(ctx, sp) == BPF_CORE_READ(area, vaddr);
}

#if defined(__TARGET_ARCH_arm64)
#define MAX_FRAMES 16
#define IS_SAME_ADDRESS(a, b) (!(((a) ^ (b)) << 16)) /* where it is signed, the signature is above its 48 bits */

/*
 * Whether the frame of a call that was made at t->sp is still there, on the way back from one at sp. Frame records (AAPCS64, 6.4.6)
 * lead from x29 to each caller's; that of the call has the address that it returns to.
 */
static __always_inline bool has_frame(struct pt_regs *ctx, const struct thread_state *t, __u64 sp)
{
	struct { __u64 next, address; } frame = { .next = PT_REGS_FP(ctx) };

	if (sp == t->sp)
		return t->caller == PT_REGS_RET(ctx);
	for (int i = 0; i < MAX_FRAMES; i++) {
		if (frame.next < sp || frame.next >= t->sp || bpf_probe_read_user(&frame, sizeof(frame), (void *)frame.next))
			return false;
		if (IS_SAME_ADDRESS(frame.address, t->caller))
			return true;
	}
	return false;
}
#else
static __always_inline bool has_frame(struct pt_regs *ctx, const struct thread_state *t, __u64 sp)
{
	/* or another tracer's return probe has taken its place since */
	return return_address(ctx, t->sp) == t->caller || returns_to_trampoline(ctx, t->sp);
}
#endif

/*
 * Whether a call at sp was made by the call that the thread is in. One that may throw may be over without a sign: then its
 * frame is overwritten by whoever comes so far down the stack again. One that is at the same place is a tail call, or the
 * next try.
 */
static __always_inline bool is_nested(struct pt_regs *ctx, const struct thread_state *t, __u64 sp, __u64 function)
{
	if (!t->may_throw)
		return sp < t->sp || (sp == t->sp && returns_to_trampoline(ctx, sp));
	return sp <= t->sp && !(sp == t->sp && function == t->function) && has_frame(ctx, t, sp);
}

/* Whether the thread is in a call of which the end will be seen. */
static __always_inline bool is_in_call(const struct thread_state *t)
{
	return unlikely(t->sp) && t->epoch == probes_epoch;
}

/*
 * Whether the call that the thread is in is the one that began at sp. One that the probes have not seen the end of, as they were away
 * then, is over: what returns from the same place now is another.
 */
static __always_inline bool ends_call(const struct thread_state *t, __u64 sp)
{
	return is_in_call(t) && t->sp == sp;
}

/* The loader wants to know whom probes on a file cost how much, whoever it is. */
static __noinline void count_stranger(const union memgap_cookie *cookie)
{
	struct memgap_stranger key = { (__u32)bpf_get_current_task_btf()->tgid, cookie->library };
	__u64 one = 1, *hits = bpf_map_lookup_elem(&strangers, &key);

	if (hits)
		atomic_add(*hits, 1);
	else
		bpf_map_update_elem(&strangers, &key, &one, BPF_NOEXIST);
}

/* The state of a thread that has none yet; NULL when its process is not watched, or memory is out. */
static __always_inline struct thread_state *new_thread(void)
{
	struct memgap_process *p = process_of(NULL);
	struct thread_state *t;

	if (!p)
		return NULL;
	t = current_thread(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t)
		count_missed(p);
	return t;
}

/* Of a call something was not seen: where the probes go one by one, and come so, that is no loss. */
static __always_inline void count_missed_call(struct thread_state *t)
{
	struct memgap_process *p = process_of(t);

	if (p && p->presence != MEMGAP_AWAY)
		count_missed(p);
}

/*
 * The thread's state, when this is an outermost call; else NULL. Whether the process is (still) watched is looked up at the
 * return, and here only for a thread that has no state: that is one look-up less in the common case.
 */
static __always_inline struct thread_state *begin_call(struct pt_regs *ctx, const union memgap_cookie *cookie)
{
	__u64 sp = sp_at_start(ctx, cookie);
	struct thread_state *t = current_thread(0);

	if (!t)
		t = new_thread();
	if (unlikely(!t)) {
		count_stranger(cookie);
		return NULL;
	}
	if (is_in_call(t)) {
		if (is_nested(ctx, t, sp, READ_IP(ctx) - cookie->offset))
			return NULL;
		if (!t->may_throw)
			count_missed_call(t); /* the outer call never came back: a longjmp, or its return was missed */
	}
	t->sp = sp;
	t->epoch = probes_epoch;
	t->call = cookie->call;
	t->may_throw = cookie->may_throw;
	if (unlikely(cookie->may_throw)) {
		t->function = READ_IP(ctx) - cookie->offset;
		t->caller = return_address(ctx, sp);
	}
	return t;
}

/*
 * The state of the call that ends here, where the stack pointer was sp at its start; NULL when it is none that began: a
 * nested one, or from before the probes.
 */
static __always_inline struct thread_state *end_call(__u64 sp)
{
	struct thread_state *t = current_thread(0);

	if (!t || !ends_call(t, sp))
		return NULL;
	t->sp = 0;
	t->first_free = 0;
	return t;
}

/* The same at a return probe. */
static __always_inline struct thread_state *end_returned_call(struct pt_regs *ctx)
{
	return end_call(READ_SP(ctx) - RETURN_POPS);
}

/* The block that a call handed out; 0 when it failed. */
static __always_inline int returned_block(const struct thread_state *t, __u64 result, __u64 *ret_block)
{
	*ret_block = result;
	if (likely(t->call != MEMGAP_CALL_POSIX_MEMALIGN))
		return 0;
	*ret_block = 0;
	if ((int)result != 0)
		return 0;
	return (int)bpf_probe_read_user(ret_block, sizeof(*ret_block), (void *)t->memptr);
}

#endif
