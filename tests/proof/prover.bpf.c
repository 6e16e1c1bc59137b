// SPDX-License-Identifier: GPL-2.0-only
/* Reports each hit with all that can be known there, read as memgap's own programs read it. */
#include "registers.bpf.h"

#include "tests/proof/hit.h"

const volatile __u64 call_address; /* in the program under proof: the number of the call that it is in */

__u64 lost;       /* hits that are not in the ring */
__u64 unreadable; /* words of the program's memory */
__u64 stored_at;  /* posix_memalign: where the block's address will be. The program under proof has but one thread. */

/* Room for all hits of a run: it is read when the run is over. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} hits SEC(".maps");

static __always_inline __u64 word_at(__u64 address)
{
	__u64 word = 0;

	if (bpf_probe_read_user(&word, sizeof(word), (void *)address))
		__sync_fetch_and_add(&unreadable, 1);
	return word;
}

static __always_inline struct hit *new_hit(struct pt_regs *ctx, enum hit_kind kind)
{
	struct hit *hit = bpf_ringbuf_reserve(&hits, sizeof(*hit), 0);

	if (!hit) {
		__sync_fetch_and_add(&lost, 1);
		return NULL;
	}
	*hit = (struct hit){ .kind = kind, .call = word_at(call_address), .ip = READ_IP(ctx) };
	hit->cookie = bpf_get_attach_cookie(ctx);
	return hit;
}

static __always_inline int enter(struct pt_regs *ctx, enum hit_kind kind)
{
	struct hit *hit = new_hit(ctx, kind);
	union memgap_cookie cookie;

	if (!hit)
		return 0;
	cookie.value = hit->cookie;
	hit->sp = sp_at_start(ctx, &cookie);
	hit->caller = word_at(hit->sp);
	hit->arguments[0] = ARGUMENT_0(ctx, &cookie);
	hit->arguments[1] = ARGUMENT_1(ctx, &cookie);
	hit->arguments[2] = ARGUMENT_2(ctx, &cookie);
	if (cookie.has_header) {
		hit->header = ARGUMENT_1(ctx, &cookie);
		hit->before = word_at(hit->arguments[0] - sizeof(__u64));
	}
	if (cookie.call == MEMGAP_CALL_POSIX_MEMALIGN)
		stored_at = hit->arguments[0];
	bpf_ringbuf_submit(hit, 0);
	return 0;
}

SEC("uprobe")
int prove_enter(struct pt_regs *ctx)
{
	return enter(ctx, HIT_ENTER);
}

SEC("uprobe")
int prove_free(struct pt_regs *ctx)
{
	return enter(ctx, HIT_FREE);
}

static __always_inline int leave(struct pt_regs *ctx, enum hit_kind kind, __u64 sp)
{
	struct hit *hit = new_hit(ctx, kind);
	union memgap_cookie cookie;

	if (!hit)
		return 0;
	cookie.value = hit->cookie;
	hit->sp = sp;
	hit->result = READ_RESULT(ctx);
	if (cookie.call == MEMGAP_CALL_POSIX_MEMALIGN && !(__u32)hit->result)
		hit->block = word_at(stored_at);
	bpf_ringbuf_submit(hit, 0);
	return 0;
}

SEC("uretprobe")
int prove_return(struct pt_regs *ctx)
{
	return leave(ctx, HIT_RETURN, READ_SP(ctx) - sizeof(__u64)); /* the return has popped a word */
}

SEC("uprobe")
int prove_exit(struct pt_regs *ctx)
{
	return leave(ctx, HIT_EXIT, READ_SP(ctx));
}

char LICENSE[] SEC("license") = "GPL";
