/* SPDX-License-Identifier: GPL-2.0-only */
/* What prover.bpf.c tells prover.c about each time that a probe was hit. */
#ifndef MEMGAP_TESTS_PROOF_HIT_H
#define MEMGAP_TESTS_PROOF_HIT_H

#include "bpf/memgap.h"

enum hit_kind { HIT_ENTER = 1, HIT_RETURN, HIT_FREE, HIT_EXIT };

struct hit {
	__u64 kind;   /* enum hit_kind: which program */
	__u64 call;   /* number of the call that the program under proof is in; 0: none */
	__u64 cookie; /* union memgap_cookie */
	__u64 ip;
	__u64 sp;     /* where the return address is; at a return: where it was */
	__u64 caller; /* at the entry: what is there */
	__u64 arguments[MEMGAP_ARGUMENTS]; /* at the entry: in the registers that the cookie names */
	__u64 result; /* at the return */
	__u64 block;  /* what posix_memalign stored */
	__u64 header; /* where the cookie says that the word before the block is in a register: that register, */
	__u64 before; /* and what is in memory */
};

_Static_assert(sizeof(struct hit) == 104, "both sides agree on the layout");

#endif
