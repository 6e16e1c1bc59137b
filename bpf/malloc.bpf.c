// SPDX-License-Identifier: GPL-2.0-only
/* The malloc family: what a program gets from its allocator and gives back. */
#include "accounting.bpf.h"
#include "glibc.bpf.h"
#include "registers.bpf.h"

/* The stack pointer as it was at the function's first instruction: it points to the return address. */
static __always_inline __u64 sp_at_start(struct pt_regs *ctx, const union memgap_cookie *cookie)
{
	return READ_SP(ctx) + cookie->pushed * sizeof(__u64);
}

/* realloc and reallocarray: remember what the old block was worth, it may be gone at the return. */
static __always_inline int remember_old(struct thread_state *t, __u64 block, bool to_nothing)
{
	t->old_usable = 0;
	t->frees_old = block && to_nothing;
	return block ? chunk_usable(block, &t->old_usable) : 0;
}

static __always_inline int remember_call(struct thread_state *t, struct pt_regs *ctx, const union memgap_cookie *cookie)
{
	__u64 first, second;

	t->call = cookie->call;
	if (cookie->call == MEMGAP_CALL_RESULT)
		return 0;
	first = READ_ARGUMENT(ctx, cookie->registers_01 & 15, 1);
	if (cookie->call == MEMGAP_CALL_POSIX_MEMALIGN) {
		t->memptr = first;
		return 0;
	}
	second = READ_ARGUMENT(ctx, cookie->registers_01 >> 4, 2);
	if (second && cookie->call == MEMGAP_CALL_REALLOCARRAY)
		second = READ_ARGUMENT(ctx, cookie->register_2, 3);
	return remember_old(t, first, !second);
}

/*
 * The outer call's return address has been replaced by the return probe's trampoline, at the start of the process's
 * area for out-of-line execution (uprobe_get_trampoline_vaddr() in kernel/events/uprobes.c). A tail call
 * finds it on the stack where a call from elsewhere would have put an address of its own.
 */
static __always_inline bool returns_to_trampoline(__u64 sp)
{
	struct mm_struct *mm = BPF_CORE_READ(bpf_get_current_task_btf(), mm);
	struct xol_area *area = BPF_CORE_READ(mm, uprobes_state.xol_area);
	__u64 address;

	return area && !bpf_probe_read_user(&address, sizeof(address), (void *)sp) &&
	       address == BPF_CORE_READ(area, vaddr);
}

/* Whether a call at sp was made by the call that the thread is in. */
static __always_inline bool is_nested(const struct thread_state *t, __u64 sp)
{
	return sp < t->sp || (sp == t->sp && returns_to_trampoline(sp));
}

SEC("uprobe")
int malloc_enter(struct pt_regs *ctx)
{
	union memgap_cookie cookie = { .value = bpf_get_attach_cookie(ctx) };
	__u64 sp = sp_at_start(ctx, &cookie);
	struct memgap_process *p = current_process();
	struct thread_state *t;

	if (!p)
		return 0;
	t = current_thread(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t) {
		count_missed(p);
		return 0;
	}
	if (t->sp) {
		if (is_nested(t, sp))
			return 0; /* called by the allocator itself: part of the outer call */
		count_missed(p); /* the outer call never came back: a longjmp, or its return was missed */
	}
	t->sp = sp;
	if (remember_call(t, ctx, &cookie)) {
		count_missed(p);
		t->sp = 0;
	}
	return 0;
}

/* The block that a call handed out; 0 when it failed. */
static __always_inline int returned_block(struct thread_state *t, __u64 result, __u64 *ret_block)
{
	*ret_block = result;
	if (t->call != MEMGAP_CALL_POSIX_MEMALIGN)
		return 0;
	*ret_block = 0;
	if ((int)result != 0)
		return 0;
	return bpf_probe_read_user(ret_block, sizeof(*ret_block), (void *)t->memptr);
}

static __always_inline int count_call(struct memgap_process *p, struct thread_state *t, __u64 result)
{
	bool had_old = t->call == MEMGAP_CALL_REALLOC || t->call == MEMGAP_CALL_REALLOCARRAY;
	__u64 block, usable = 0; /* the verifier of clang 19's code does not see that it is set where it is used */

	if (returned_block(t, result, &block))
		return -1;
	if (block && chunk_usable(block, &usable))
		return -1;
	if (had_old && t->old_usable && (block || t->frees_old))
		count_free(p, t->old_usable);
	if (block)
		count_malloc(p, usable);
	return 0;
}

SEC("uretprobe")
int malloc_return(struct pt_regs *ctx)
{
	__u64 sp = READ_SP(ctx), result = READ_RESULT(ctx);
	struct memgap_process *p = current_process();
	struct thread_state *t;

	if (!p)
		return 0;
	t = current_thread(0);
	/* The return has popped one word: any other stack pointer is a nested call's. */
	if (!t || !t->sp || sp != t->sp + sizeof(__u64))
		return 0;
	t->sp = 0;
	if (count_call(p, t, result))
		count_missed(p);
	return 0;
}

/* Whether the allocator itself called free() at `function`, to empty a thread's cache (struct memgap_library). */
static __always_inline bool is_internal_free(__u32 key, __u64 function, __u64 sp)
{
	struct memgap_library *library = bpf_map_lookup_elem(&libraries, &key);
	__u64 address;
	__s64 distance;

	if (!library || bpf_probe_read_user(&address, sizeof(address), (void *)sp))
		return false;
	distance = (__s64)(address - function);
	for (int i = 0; i < MEMGAP_INTERNAL_FREES; i++)
		if (distance == library->internal_frees[i])
			return true;
	return false;
}

SEC("uprobe")
int free_enter(struct pt_regs *ctx)
{
	union memgap_cookie cookie = { .value = bpf_get_attach_cookie(ctx) };
	__u64 block = READ_ARGUMENT(ctx, cookie.registers_01 & 15, 1), sp = sp_at_start(ctx, &cookie), usable = 0;
	struct memgap_process *p;
	struct thread_state *t;

	if (!block)
		return 0;
	p = current_process();
	if (!p)
		return 0;
	t = current_thread(0);
	if (t && t->sp && is_nested(t, sp))
		return 0; /* realloc frees its old block: counted when it returns */
	if (is_internal_free(cookie.library, READ_IP(ctx) - cookie.offset, sp))
		return 0;
	if (chunk_usable(block, &usable))
		count_missed(p);
	else
		count_free(p, usable);
	return 0;
}
