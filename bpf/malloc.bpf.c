// SPDX-License-Identifier: GPL-2.0-only
/*
 * The malloc family of allocators that keep a block's size beside it (glibc, musl): nothing need be remembered, and
 * blocks from before the watch are freed at their true size.
 */
#include "calls.bpf.h"
#include "glibc.bpf.h"
#include "musl.bpf.h"

/* Usable bytes of a block; -EFAULT when what tells them cannot be read (paged out). */
static __always_inline int block_usable(__u32 allocator, __u64 block, __u64 *ret_usable)
{
	return unlikely(allocator == MEMGAP_MUSL) ? musl_usable(block, ret_usable) : chunk_usable(block, ret_usable);
}

/* realloc and reallocarray: remember what the old block was worth, it may be gone at the return. */
static __always_inline int remember_old(struct thread_state *t, struct pt_regs *ctx, const union memgap_cookie *cookie)
{
	__u64 block = ARGUMENT_0(ctx, cookie), size = ARGUMENT_1(ctx, cookie);

	if (size && cookie->call == MEMGAP_CALL_REALLOCARRAY)
		size = ARGUMENT_2(ctx, cookie);
	t->old_block = block;
	t->old_usable = 0;
	t->frees_old = !size;
	return block ? block_usable(t->allocator, block, &t->old_usable) : 0;
}

SEC("uprobe")
int malloc_enter(struct pt_regs *ctx)
{
	union memgap_cookie cookie = { .value = bpf_get_attach_cookie(ctx) };
	struct thread_state *t = begin_call(ctx, &cookie);

	use_own_stack(ctx);
	if (!t)
		return 0;
	t->allocator = cookie.allocator;
	if (cookie.call < MEMGAP_CALL_POSIX_MEMALIGN)
		return 0;
	if (cookie.call == MEMGAP_CALL_POSIX_MEMALIGN) {
		t->memptr = ARGUMENT_0(ctx, &cookie);
	} else if (remember_old(t, ctx, &cookie)) {
		count_missed_call(t);
		t->sp = 0;
	}
	return 0;
}

static __always_inline int count_call(struct memgap_process *p, struct thread_state *t, __u64 result)
{
	__u64 block, usable = 0; /* the verifier of clang 19's code does not see that it is set where it is used */

	if (returned_block(t, result, &block))
		return -1;
	if (block && block_usable(t->allocator, block, &usable))
		return -1;
	if (unlikely(t->call >= MEMGAP_CALL_REALLOC) && t->old_block && (block || t->frees_old))
		count_free(p, t->old_usable);
	if (block)
		count_malloc(p, usable);
	return 0;
}

/* A call of which only the return is seen, as long as it is none that a call with an entry made. */
static __always_inline bool begin_at_return(struct thread_state *t, __u64 sp, __u32 allocator)
{
	if (is_in_call(t)) {
		if (sp < t->sp)
			return false;
		count_missed_call(t); /* as in begin_call() */
	}
	t->call = MEMGAP_CALL_MALLOC;
	t->allocator = allocator;
	t->sp = sp;
	t->epoch = probes_epoch;
	return true;
}

/*
 * The state of the call that returns here; NULL when it is not to be counted. posix_memalign() cannot end in a jump to malloc(), so
 * that one in its place shows that it never came back.
 */
static __always_inline struct thread_state *returning_call(struct pt_regs *ctx)
{
	__u64 sp = READ_SP(ctx) - RETURN_POPS;
	struct thread_state *t = current_thread(0);
	union memgap_cookie cookie;

	if (unlikely(t && ends_call(t, sp) && t->call != MEMGAP_CALL_POSIX_MEMALIGN))
		return t;
	cookie.value = bpf_get_attach_cookie(ctx);
	if (unlikely(!cookie.return_alone))
		return t && ends_call(t, sp) ? t : NULL;
	if (unlikely(!t))
		t = new_thread();
	return t && begin_at_return(t, sp, cookie.allocator) ? t : NULL;
}

SEC("uretprobe")
int malloc_return(struct pt_regs *ctx)
{
	struct thread_state *t = returning_call(ctx);
	struct memgap_process *p;

	use_own_stack(ctx);
	if (!t)
		return 0;
	t->sp = 0;
	t->first_free = 0;
	p = process_of(t);
	if (p && count_call(p, t, READ_RESULT(ctx)))
		count_missed(p);
	return 0;
}

/* An exit (user/allocator/exits.h), where return probes are not to be used. */
SEC("uprobe")
int malloc_exit(struct pt_regs *ctx)
{
	union memgap_cookie cookie = { .value = bpf_get_attach_cookie(ctx) };
	struct thread_state *t = end_call(READ_SP(ctx));
	struct memgap_process *p = t ? process_of(t) : NULL;

	use_own_stack(ctx);
	if (p && count_call(p, t, ARGUMENT_0(ctx, &cookie)))
		count_missed(p);
	return 0;
}

/* Whether the allocator itself called free(), to empty a thread's cache (struct memgap_library). */
static __always_inline bool is_internal_free(const union memgap_cookie *cookie, struct pt_regs *ctx)
{
	__u64 function = READ_IP(ctx) - cookie->offset, address = return_address(ctx, sp_at_start(ctx, cookie));
	__u32 key = cookie->library;
	struct memgap_library *library = bpf_map_lookup_elem(&libraries, &key);
	__s64 distance;

	if (!library || !address)
		return false;
	distance = (__s64)(address - function);
	for (int i = 0; i < MEMGAP_INTERNAL_FREES; i++)
		if (distance == library->internal_frees[i])
			return true;
	return false;
}

/*
 * From glibc 2.43 on a thread's first free() makes its cache and then jumps to its own start (tcache_free_init() in
 * malloc/malloc.c): two hits for one call. Whether this is the second.
 */
static __always_inline bool is_restart(struct thread_state *t, __u64 block)
{
	bool again = t->first_free == block;

	t->first_free = t->has_freed ? 0 : block;
	t->has_freed = 1;
	return again;
}

/* A thread that is about to empty its cache. */
static __always_inline int note_thread_end(struct thread_state *t)
{
	if (!t)
		t = new_thread();
	if (t)
		t->ends = 1;
	return 0;
}

static __always_inline int freed_usable(struct pt_regs *ctx, const union memgap_cookie *cookie, __u64 block, __u64 *ret_usable)
{
	if (unlikely(!cookie->has_header))
		return block_usable(cookie->allocator, block, ret_usable);
	*ret_usable = usable_of_header(block, ARGUMENT_1(ctx, cookie));
	return 0;
}

SEC("uprobe")
int free_enter(struct pt_regs *ctx)
{
	union memgap_cookie cookie = { .value = bpf_get_attach_cookie(ctx) };
	struct thread_state *t = current_thread(0);
	__u64 block, usable = 0;
	struct memgap_process *p;

	use_own_stack(ctx);
	if (unlikely(cookie.call == MEMGAP_CALL_THREAD_END))
		return note_thread_end(t);
	block = ARGUMENT_0(ctx, &cookie);
	if (!block)
		return 0;
	if (t && is_in_call(t) && is_nested(ctx, t, sp_at_start(ctx, &cookie), 0))
		return 0; /* realloc frees its old block: counted when it returns */
	p = process_of(t);
	if (unlikely(!p)) {
		count_stranger(&cookie);
		return 0;
	}
	if (unlikely((t && t->ends) || cookie.checks_always) && is_internal_free(&cookie, ctx))
		return 0;
	if (unlikely(cookie.free_restarts) && (t || (t = new_thread())) && is_restart(t, block))
		return 0;
	if (freed_usable(ctx, &cookie, block, &usable))
		count_missed(p);
	else
		count_free(p, usable);
	return 0;
}
