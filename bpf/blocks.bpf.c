// SPDX-License-Identifier: GPL-2.0-only
/*
 * The malloc family of allocators that keep nothing beside a block (jemalloc, tcmalloc, mimalloc): each block's usable size is
 * remembered until it is freed. One that is not remembered, from before the watch or since there was no room, is not counted
 * when it is freed; nor is one twice when an allocator's delete calls its free.
 */
#include "calls.bpf.h"
#include "classes.bpf.h"

const volatile __u32 tcmalloc_usable[TCMALLOC_CLASSES] = {};

#define MALLOCX_LG_ALIGNMENT 63 /* MALLOCX_LG_ALIGN_MASK in jemalloc's jemalloc_internal_types.h */

static __always_inline __u32 image_id(const struct memgap_process *p)
{
	return (__u32)(p->image_ns >> 10);
}

static __always_inline struct block_key key_of(const struct memgap_process *p, __u64 block)
{
	return (struct block_key){ .block = block, .pid = p->pid, .image = image_id(p) };
}

/* Forgets a block; its usable size, or 0 when it was not remembered. */
static __always_inline __u64 forget(const struct memgap_process *p, __u64 block)
{
	struct block_key key = key_of(p, block);
	__u64 *found = bpf_map_lookup_elem(&blocks, &key), usable;

	if (!found)
		return 0;
	usable = *found;
	/* two that free the same block at once are a fault of the program's; only one of them counts */
	return bpf_map_delete_elem(&blocks, &key) ? 0 : usable;
}

/* Remembers and counts a block. One that is remembered already was freed behind our back. */
static __always_inline void remember(struct memgap_process *p, __u64 block, __u64 usable)
{
	struct block_key key = key_of(p, block);
	long result = bpf_map_update_elem(&blocks, &key, &usable, BPF_NOEXIST);

	p->remembers = 1;
	if (result == -17 /* EEXIST */) {
		count_free(p, forget(p, block));
		count_missed(p);
		result = bpf_map_update_elem(&blocks, &key, &usable, BPF_NOEXIST);
	}
	if (result)
		count_missed(p); /* no room: the block is not counted at all */
	else
		count_malloc(p, usable);
}

/* What a call asks for. */
static __always_inline void note_request(struct thread_state *t, struct pt_regs *ctx, const union memgap_cookie *cookie)
{
	__u64 first = ARGUMENT_0(ctx, cookie), second = 0, third = 0;

	if (cookie->call != MEMGAP_CALL_MALLOC) {
		second = ARGUMENT_1(ctx, cookie);
		third = ARGUMENT_2(ctx, cookie);
	}
	t->old_block = t->old_usable = 0;
	t->size = first;
	t->alignment = 0;
	switch (cookie->call) {
	case MEMGAP_CALL_MALLOC:
		return;
	case MEMGAP_CALL_CALLOC:
		t->size = first * second;
		return;
	case MEMGAP_CALL_MEMALIGN:
		t->size = second;
		t->alignment = first;
		return;
	case MEMGAP_CALL_ALIGNED_NEW:
		t->alignment = second;
		return;
	case MEMGAP_CALL_VALLOC:
		t->alignment = PAGE_BYTES;
		return;
	case MEMGAP_CALL_PVALLOC:
		t->size = round_up(first, PAGE_BYTES);
		t->alignment = PAGE_BYTES;
		return;
	case MEMGAP_CALL_MALLOCX:
		t->alignment = (1UL << (second & MALLOCX_LG_ALIGNMENT)) & ~1UL;
		return;
	case MEMGAP_CALL_POSIX_MEMALIGN:
		t->memptr = first;
		t->alignment = second;
		t->size = third;
		return;
	default:
		break;
	}
	t->old_block = first;
	t->size = second;
	if (cookie->call == MEMGAP_CALL_REALLOCARRAY)
		t->size = second * third;
	else if (cookie->call == MEMGAP_CALL_ALIGNED_REALLOC)
		t->alignment = third;
	else if (cookie->call == MEMGAP_CALL_RALLOCX)
		t->alignment = (1UL << (third & MALLOCX_LG_ALIGNMENT)) & ~1UL;
}

SEC("uprobe")
int block_enter(struct pt_regs *ctx)
{
	union memgap_cookie cookie = { .value = bpf_get_attach_cookie(ctx) };
	struct thread_state *t = begin_call(ctx, &cookie);
	struct memgap_process *p;

	if (!t)
		return 0;
	t->allocator = cookie.allocator;
	t->library = cookie.library;
	note_request(t, ctx, &cookie);
	if (!t->old_block)
		return 0;
	/* forgotten now: from its release inside the call on, another thread may be given the same address */
	p = process_of(t);
	t->old_usable = p ? forget(p, t->old_block) : 0;
	return 0;
}

/* A block that the call left as it was. */
static __always_inline void put_back(struct memgap_process *p, const struct thread_state *t)
{
	struct block_key key = key_of(p, t->old_block);
	__u64 usable = t->old_usable;

	if (bpf_map_update_elem(&blocks, &key, &usable, BPF_NOEXIST)) {
		count_free(p, usable);
		count_missed(p);
	}
}

/* Its usable size; 0: that cannot be told, since it is an old block of unknown size that stayed where it was. */
static __always_inline __u64 usable_of(const struct thread_state *t, __u64 block)
{
	bool stayed = t->old_block && block == t->old_block;

	if (stayed && t->allocator != MEMGAP_JEMALLOC)
		return t->old_usable;
	return class_of_request(t);
}

static __always_inline int count_call(struct memgap_process *p, const struct thread_state *t, __u64 result)
{
	bool has_old = t->old_block && t->old_usable;
	__u64 block, usable;

	if (t->call == MEMGAP_CALL_XALLOCX) {
		if (!has_old)
			return 0; /* of a block from before the watch */
		block = t->old_block;
		usable = result;
	} else {
		if (returned_block(t, result, &block))
			return -1;
		if (!block && has_old && t->size) {
			put_back(p, t);
			return 0;
		}
		usable = block ? usable_of(t, block) : 0;
	}
	if (has_old)
		count_free(p, t->old_usable);
	if (usable)
		remember(p, block, usable);
	return 0;
}

static __always_inline int finish_call(struct thread_state *t, __u64 result)
{
	struct memgap_process *p = t ? process_of(t) : NULL;

	if (p && count_call(p, t, result))
		count_missed(p);
	return 0;
}

SEC("uretprobe")
int block_return(struct pt_regs *ctx)
{
	return finish_call(end_returned_call(ctx), READ_RESULT(ctx));
}

/* A RET of a function that may throw (user/allocator/exits.h); other functions may have it in common with it. */
SEC("uprobe")
int block_exit(struct pt_regs *ctx)
{
	return finish_call(end_call(READ_SP(ctx)), READ_RESULT(ctx));
}

SEC("uprobe")
int block_free(struct pt_regs *ctx)
{
	union memgap_cookie cookie = { .value = bpf_get_attach_cookie(ctx) };
	__u64 block = ARGUMENT_0(ctx, &cookie), usable;
	struct memgap_process *p;

	if (!block)
		return 0;
	p = process_of(current_thread(0));
	if (!p)
		return 0;
	usable = forget(p, block);
	if (usable)
		count_free(p, usable);
	return 0;
}

/* Blocks of processes, and of programs, that are no more. */
static long forget_stale(struct bpf_map *map, struct block_key *key, __u64 *usable, void *data)
{
	struct memgap_process *p = find_record(key->pid);

	if (!p || p->exited || image_id(p) != key->image)
		bpf_map_delete_elem(map, key);
	return 0;
}

/* Run by the loader after such an end. */
SEC("syscall")
int purge_blocks(void *ctx)
{
	bpf_for_each_map_elem(&blocks, forget_stale, NULL, 0);
	return 0;
}
