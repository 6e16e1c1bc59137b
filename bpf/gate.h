/* SPDX-License-Identifier: GPL-2.0-only */
/* What the gate's BPF programs and its user side agree on (user/allocator/gate.h). */
#ifndef MEMGAP_GATE_H
#define MEMGAP_GATE_H

#ifndef __bpf__
#include <linux/types.h>
#endif

enum memgap_gate_result {
	MEMGAP_GATE_SENT = 1,
	MEMGAP_GATE_POSTED, /* the process will look itself; an answer comes */
	MEMGAP_GATE_UNEXPECTED,
	MEMGAP_GATE_GONE,
	MEMGAP_GATE_UNABLE,
	MEMGAP_GATE_BUSY,
};

/* The context of both programs. */
struct memgap_gate_request {
	__u64 start_time; /* as field 22 of /proc/PID/stat shows it to the caller: ticks */
	__u32 pid;        /* in the caller's pid namespace */
	__u32 signal;
	__u32 posts;      /* send_now: not where others may change the handler before a thread comes that takes it, which is to look itself */
	__u32 result;     /* from here on out: enum memgap_gate_result */
	__u64 ticket;     /* of one that was posted */
};

/* What is posted, in one word: it is never seen half written. */
union memgap_gate_ticket {
	__u64 value;
	struct {
		__u64 signal : 8;
		__u64 number : 24; /* goes round */
		__u64 pid : 32;    /* tgid, as the initial pid namespace has it */
	};
};

#endif
