/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registers of a probed function, by number. A switch, since the verifier takes only loads at fixed offsets from the
 * context; in assembly, since the compiler would fold the cases into pointer arithmetic.
 */
#ifndef MEMGAP_REGISTERS_BPF_H
#define MEMGAP_REGISTERS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "memgap.h"

#define LOAD_REGISTER(ctx, field)                                                                   \
	({                                                                                          \
		__u64 value_;                                                                       \
		asm volatile("%0 = *(u64 *)(%1 + %2)"                                               \
			     : "=r"(value_)                                                         \
			     : "r"(ctx), "i"(__builtin_offsetof(struct pt_regs, field)));           \
		value_;                                                                             \
	})

#if defined(__TARGET_ARCH_x86)
/* Numbers as in x86 instructions; the first argument's own register first, it is asked for most. */
static __always_inline __u64 read_register(const struct pt_regs *ctx, __u8 number)
{
	if (number == 7)
		return LOAD_REGISTER(ctx, di);
	switch (number) {
	case 0: return LOAD_REGISTER(ctx, ax);
	case 1: return LOAD_REGISTER(ctx, cx);
	case 2: return LOAD_REGISTER(ctx, dx);
	case 3: return LOAD_REGISTER(ctx, bx);
	case 5: return LOAD_REGISTER(ctx, bp);
	case 6: return LOAD_REGISTER(ctx, si);
	case 8: return LOAD_REGISTER(ctx, r8);
	case 9: return LOAD_REGISTER(ctx, r9);
	case 10: return LOAD_REGISTER(ctx, r10);
	case 11: return LOAD_REGISTER(ctx, r11);
	case 12: return LOAD_REGISTER(ctx, r12);
	case 13: return LOAD_REGISTER(ctx, r13);
	case 14: return LOAD_REGISTER(ctx, r14);
	default: return LOAD_REGISTER(ctx, r15);
	}
}
#define READ_ARGUMENT(ctx, number, n) read_register(ctx, number)
#define READ_SP(ctx) LOAD_REGISTER(ctx, sp)
#define READ_IP(ctx) LOAD_REGISTER(ctx, ip)
#define READ_RESULT(ctx) LOAD_REGISTER(ctx, ax)
#define RETURN_POPS sizeof(__u64) /* a call puts the return address on the stack, which the return takes off */

/* Where the function returns to, given the stack pointer as it was at its first instruction; 0 when it cannot be read. */
static __always_inline __u64 return_address(struct pt_regs *ctx, __u64 sp)
{
	__u64 address;

	return bpf_probe_read_user(&address, sizeof(address), (void *)sp) ? 0 : address;
}
#elif defined(__TARGET_ARCH_arm64)
/* There each argument is still in its own register where a probe is, and x30 still has the return address: sites_arm64.h. */
#define READ_ARGUMENT(ctx, number, n) ((void)(number), PT_REGS_PARM##n(ctx))
#define READ_SP(ctx) PT_REGS_SP(ctx)
#define READ_IP(ctx) PT_REGS_IP(ctx)
#define READ_RESULT(ctx) PT_REGS_RC(ctx)
#define RETURN_POPS 0

static __always_inline __u64 return_address(struct pt_regs *ctx, __u64 sp)
{
	(void)sp;
	return PT_REGS_RET(ctx);
}
#endif

#define ARGUMENT_0(ctx, cookie) READ_ARGUMENT(ctx, (cookie)->register_0, 1)
#define ARGUMENT_1(ctx, cookie) READ_ARGUMENT(ctx, (cookie)->register_1, 2)
#define ARGUMENT_2(ctx, cookie) READ_ARGUMENT(ctx, (cookie)->register_2, 3)

/* The stack pointer as it was at the function's first instruction. */
static __always_inline __u64 sp_at_start(struct pt_regs *ctx, const union memgap_cookie *cookie)
{
	return READ_SP(ctx) + cookie->pushed * sizeof(__u64);
}

#endif
