// SPDX-License-Identifier: GPL-2.0-only
/*
 * The malloc family of allocators that keep nothing beside a block (jemalloc, tcmalloc, mimalloc): each block's usable size is
 * remembered until it is freed. One that is not remembered, from before the watch or since there was no room, is not counted
 * when it is freed; nor is one twice when an allocator's delete calls its free.
 */
#include "calls.bpf.h"
#include "classes.bpf.h"

const volatile __u32 tcmalloc_usable[TCMALLOC_CLASSES] = {};

/* Number of buckets less one, set by the loader. */
const volatile __u32 last_bucket = 2 * MEMGAP_MAX_BLOCKS / MEMGAP_BUCKET_SLOTS - 1;

#define MALLOCX_LG_ALIGNMENT 63 /* MALLOCX_LG_ALIGN_MASK in jemalloc's jemalloc_internal_types.h */

/* 0: the address is none that a tag has room for. */
static __always_inline __u64 tag_of(const struct memgap_process *p, __u64 block)
{
	if (block >> MEMGAP_TAG_ADDRESS_BITS || block & 7)
		return 0;
	return block >> 3 | (__u64)(p->index - 1) << MEMGAP_TAG_INDEX_SHIFT |
	       (__u64)(p->generation & MEMGAP_TAG_GENERATION_MASK) << MEMGAP_TAG_GENERATION_SHIFT;
}

#define GROUP_SHIFT 6 /* buckets of a group: one for each 64 bytes of a page */
#define GROUP_MASK 63U
#define PAGE_OF_TAG 9 /* a tag without its address within the page: 4096 bytes are 512 times 8 */

/*
 * The bucket where a block is, if there is room. The blocks of one page of the program's memory are in one group of buckets, two
 * pages of the table: what is near each other there is near here, which is what keeps caches and TLB warm. Groups are chosen by the product with
 * 2^64 / golden ratio (Knuth, 6.4); where in the group a page begins differs from page to page, since blocks may be at the start
 * of each.
 */
static __always_inline struct memgap_bucket *first_bucket(__u64 tag)
{
	__u64 product = (tag >> PAGE_OF_TAG) * 0x9e3779b97f4a7c15ULL;
	__u32 within = (__u32)((tag >> 3) ^ (product >> 24)) & GROUP_MASK;
	__u32 index = ((__u32)(product >> 40) << GROUP_SHIFT | within) & last_bucket;

	return bpf_map_lookup_elem(&blocks, &index);
}

/*
 * Where it is else, anywhere. Pages full of the smallest blocks meet in a group now and then: with one other place a block in a
 * thousand found none in a table of which 40 % were in use (redis-server), with six none did.
 */
#define OTHER_BUCKETS 6

/* The finalizer of MurmurHash3. */
static __always_inline struct memgap_bucket *other_bucket(__u64 tag, int i)
{
	__u32 index;

	tag += (__u64)i * 0x9e3779b97f4a7c15ULL;
	tag = (tag ^ tag >> 33) * 0xff51afd7ed558ccdULL;
	tag = (tag ^ tag >> 33) * 0xc4ceb9fe1a85ec53ULL;
	index = (__u32)(tag ^ tag >> 33) & last_bucket;
	return bpf_map_lookup_elem(&blocks, &index);
}

/* The load of what was in it must come before: on x86 it does, elsewhere an atomic operation has it so. */
static __always_inline void give_back_slot(struct memgap_slot *slot, __u64 tag)
{
#if defined(__TARGET_ARCH_x86)
	*(volatile __u64 *)&slot->tag = 0;
#else
	__sync_val_compare_and_swap(&slot->tag, tag, 0);
#endif
}

/* A block is freed by one thread alone, in a program that is right: so nobody else changes its slot. */
static __always_inline __u64 take_from(struct memgap_bucket *bucket, __u64 tag)
{
	for (int i = 0; bucket && i < MEMGAP_BUCKET_SLOTS; i++) {
		struct memgap_slot *slot = &bucket->slots[i];
		__u64 usable = slot->usable;

		if (slot->tag != tag)
			continue;
		give_back_slot(slot, tag);
		return usable;
	}
	return 0;
}

static __always_inline bool put_into(struct memgap_bucket *bucket, __u64 tag, __u64 usable)
{
	for (int i = 0; bucket && i < MEMGAP_BUCKET_SLOTS; i++) {
		struct memgap_slot *slot = &bucket->slots[i];

		if (slot->tag || __sync_val_compare_and_swap(&slot->tag, 0, tag))
			continue;
		slot->usable = usable; /* nobody asks for it before the program has the block */
		return true;
	}
	return false;
}

static __noinline __u64 take_elsewhere(__u64 tag)
{
	__u64 usable = 0;

	for (int i = 0; !usable && i < OTHER_BUCKETS; i++)
		usable = take_from(other_bucket(tag, i), tag);
	return usable;
}

static __noinline bool put_elsewhere(__u64 tag, __u64 usable)
{
	for (int i = 0; i < OTHER_BUCKETS; i++)
		if (put_into(other_bucket(tag, i), tag, usable))
			return true;
	return false;
}

/* Forgets a block; its usable size, or 0 when it was not remembered. */
static __always_inline __u64 forget(const struct memgap_process *p, __u64 block)
{
	__u64 tag = tag_of(p, block), usable;

	if (!tag)
		return 0;
	usable = take_from(first_bucket(tag), tag);
	return likely(usable) ? usable : take_elsewhere(tag);
}

/* Remembers a block; false: there is no room. */
static __always_inline bool keep(const struct memgap_process *p, __u64 block, __u64 usable)
{
	__u64 tag = tag_of(p, block);

	return tag && (likely(put_into(first_bucket(tag), tag, usable)) || put_elsewhere(tag, usable));
}

/*
 * Remembers and counts a block. That it is remembered already, since it was freed behind our back, is noticed where it is the
 * first in its bucket, as nearly all are.
 */
static __always_inline void remember(struct memgap_process *p, __u64 block, __u64 usable)
{
	__u64 tag = tag_of(p, block), before = 0;
	struct memgap_bucket *first = first_bucket(tag);

	if (!p->remembers)
		p->remembers = 1;
	if (tag && first && unlikely(first->slots[0].tag == tag))
		before = take_from(first, tag);
	if (unlikely(before) && p->presence == MEMGAP_ALWAYS) {
		count_free(p, before);
		count_missed(p);
	}
	if (tag && (likely(put_into(first, tag, usable)) || put_elsewhere(tag, usable)))
		count_malloc(p, usable);
	else
		count_missed(p); /* the block is not counted at all */
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

	use_own_stack(ctx);
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
	if (unlikely(p && !t->old_usable))
		count_unknown_free(p);
	return 0;
}

/* A block that the call left as it was. */
static __always_inline void put_back(struct memgap_process *p, const struct thread_state *t)
{
	if (keep(p, t->old_block, t->old_usable))
		return;
	count_free(p, t->old_usable);
	count_missed(p);
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
	use_own_stack(ctx);
	return finish_call(end_returned_call(ctx), READ_RESULT(ctx));
}

/* A RET of a function that may throw (user/allocator/exits.h); other functions may have it in common with it. */
SEC("uprobe")
int block_exit(struct pt_regs *ctx)
{
	use_own_stack(ctx);
	return finish_call(end_call(READ_SP(ctx)), READ_RESULT(ctx));
}

SEC("uprobe")
int block_free(struct pt_regs *ctx)
{
	union memgap_cookie cookie = { .value = bpf_get_attach_cookie(ctx) };
	__u64 block = ARGUMENT_0(ctx, &cookie), usable;
	struct memgap_process *p;

	use_own_stack(ctx);
	if (!block)
		return 0;
	p = process_of(current_thread(0));
	if (unlikely(!p)) {
		count_stranger(&cookie);
		return 0;
	}
	usable = forget(p, block);
	if (likely(usable))
		count_free(p, usable);
	else
		count_unknown_free(p);
	return 0;
}

static __always_inline bool is_stale(__u64 tag)
{
	__u32 index = (tag >> MEMGAP_TAG_INDEX_SHIFT & MEMGAP_TAG_INDEX_MASK) + 1;
	struct memgap_process *p = bpf_map_lookup_elem(&records, &index);

	return !p || !p->pid || p->exited || (p->generation & MEMGAP_TAG_GENERATION_MASK) != tag >> MEMGAP_TAG_GENERATION_SHIFT;
}

/* Blocks of processes, and of programs, that are no more. */
static long purge_bucket(struct bpf_map *map, const __u32 *key, struct memgap_bucket *bucket, void *data)
{
	for (int i = 0; i < MEMGAP_BUCKET_SLOTS; i++) {
		__u64 tag = bucket->slots[i].tag;

		if (tag && is_stale(tag))
			__sync_val_compare_and_swap(&bucket->slots[i].tag, tag, 0);
	}
	return 0;
}

/* Run by the loader after such an end. */
SEC("syscall")
int purge_blocks(void *ctx)
{
	bpf_for_each_map_elem(&blocks, purge_bucket, NULL, 0);
	return 0;
}
