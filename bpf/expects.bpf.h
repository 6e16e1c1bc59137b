/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a process expects a signal, as user/kernel/signals.h has it, asked within the kernel and right before the signal is
 * sent: of the current task, or of one that the caller holds a reference to. Threads may end meanwhile: a program that can sleep
 * asks within bpf_rcu_read_lock().
 */
#ifndef MEMGAP_EXPECTS_BPF_H
#define MEMGAP_EXPECTS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "ends.bpf.h"

enum signal_expectation {
	SIGNAL_UNEXPECTED, /* it could kill, or be lost */
	SIGNAL_EXPECTED,   /* a handler is installed, or all threads block it; that somebody takes it then is not looked at */
	SIGNAL_EXPECTED_ELSEWHERE, /* a handler is installed: the thread that was asked about blocks it, another one does not */
	SIGNAL_UNSURE,     /* more threads than are looked at, or this one exits and others may go on */
};

/* Of a handler in include/uapi/asm-generic/signal-defs.h. */
#define SIG_DFL_ADDRESS 0UL
#define SIG_IGN_ADDRESS 1UL

#define TASK_EXITING 0x4 /* PF_EXITING in include/linux/sched.h */

#define SIGNALS 64 /* _NSIG: one word for a set of them, on x86-64 and arm64 */

/* Threads that are looked at. Without bpf_loop(), before 5.17, the verifier goes through every turn of the loop. */
#define MAX_THREADS 4096
#define MAX_THREADS_UNROLLED 256

static __always_inline __u64 signal_bit(__u32 signal)
{
	return 1ULL << (signal - 1);
}

/*
 * Whether a thread would take what it alone is sent: it does not block it. That is how a process is asked by one of its own threads: if
 * another one begins another program before that comes to take it, what the thread has been sent goes with it, while what the process
 * has been sent is left to a program that may not handle it (exit_signals() and flush_sigqueue() in kernel/signal.c).
 */
static __always_inline bool signal_taken_by(struct task_struct *task, __u32 signal)
{
	__u64 blocked = BPF_CORE_READ(task, blocked.sig[0]) | BPF_CORE_READ(task, real_blocked.sig[0]);

	return !(blocked & signal_bit(signal));
}

static __always_inline bool is_caught(struct sighand_struct *sighand, __u32 signal)
{
	/* an array's index that is no constant cannot be relocated */
	struct k_sigaction *action = (void *)&sighand->action + (signal - 1) * bpf_core_type_size(struct k_sigaction);
	__u64 handler = (__u64)BPF_CORE_READ(action, sa.sa_handler);

	return handler != SIG_DFL_ADDRESS && handler != SIG_IGN_ADDRESS;
}

/* HUP ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM XCPU XFSZ VTALRM SYS: catches_to_die() in user/kernel/signals.c says why. */
#define ENDING_SIGNALS                                                                                             \
	(1U << 1 | 1U << 4 | 1U << 5 | 1U << 6 | 1U << 7 | 1U << 8 | 1U << 10 | 1U << 11 | 1U << 12 | 1U << 13 |     \
	 1U << 14 | 1U << 24 | 1U << 25 | 1U << 26 | 1U << 31)
#define URGENT_SIGNAL 23 /* SIGURG */

static __always_inline bool catches_to_die(struct sighand_struct *sighand)
{
	for (__u32 signal = 1; signal < 32; signal++)
		if ((ENDING_SIGNALS & 1U << signal) && !is_caught(sighand, signal))
			return false;
	return !is_caught(sighand, URGENT_SIGNAL);
}

/* A walk over the threads of a process, at signal->thread_head. */
struct thread_walk {
	struct list_head *head, *node;
	struct task_struct *last; /* that was looked at */
	__u64 bit;
	__u64 blocking, open; /* not 0: one that can get a signal has been seen that blocks it, that does not */
};

/*
 * While a thread is in sigtimedwait(), what it waits for is taken out of `blocked`, and real_blocked has the mask from before
 * (do_sigtimedwait() in kernel/signal.c). One that exits gets no signals any more (wants_signal() there). Returns 1 when it
 * need not go on. Without a branch for each case: the verifier would go through all of their combinations where it is a loop.
 */
static long look_at_thread(__u32 index, struct thread_walk *walk)
{
	struct task_struct *task = (void *)walk->node - bpf_core_field_offset(struct task_struct, thread_node);
	__u64 mask = BPF_CORE_READ(task, blocked.sig[0]) | BPF_CORE_READ(task, real_blocked.sig[0]);
	__u64 lives = (BPF_CORE_READ(task, flags) & TASK_EXITING) / TASK_EXITING - 1; /* all bits, or none */

	walk->blocking |= lives & mask & walk->bit;
	walk->open |= lives & ~mask & walk->bit;
	walk->last = task;
	walk->node = BPF_CORE_READ(task, thread_node.next);
	return walk->node == walk->head || walk->open;
}

/* Up to the first that would take the signal. */
static __always_inline void look_at_threads(struct signal_struct *signals, __u32 signal, struct thread_walk *walk)
{
	walk->head = (void *)&signals->thread_head;
	walk->bit = signal_bit(signal);
	walk->node = BPF_CORE_READ(signals, thread_head.next);
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop))
		bpf_loop(MAX_THREADS, look_at_thread, walk, 0);
	else
		for (__u32 i = 0; i < MAX_THREADS_UNROLLED && !look_at_thread(i, walk); i++)
			;
}

static __noinline enum signal_expectation all_threads_block(struct signal_struct *signals, __u32 signal)
{
	struct thread_walk walk = {};

	look_at_threads(signals, signal, &walk);
	if (walk.open)
		return SIGNAL_UNEXPECTED;
	if (walk.node != walk.head)
		return SIGNAL_UNSURE;
	return walk.blocking ? SIGNAL_EXPECTED : SIGNAL_UNEXPECTED;
}

/*
 * `signal` is 1 to 64. A pid namespace's init is no exception: what it has no handler for does not even kill it. The handler is
 * looked at last: the caller sends at once.
 */
static __noinline enum signal_expectation signal_expected(struct task_struct *task, __u32 signal)
{
	struct signal_struct *signals = BPF_CORE_READ(task, signal);
	struct sighand_struct *sighand = BPF_CORE_READ(task, sighand);
	enum signal_expectation unhandled; /* what holds if there is no handler */
	bool takes;

	if (signal < 1 || signal > SIGNALS || !signals || !sighand)
		return SIGNAL_UNEXPECTED; /* no sighand: __exit_signal() in kernel/exit.c */
	/* an exec takes the handlers away, but leaves a signal that has not been delivered yet (flush_signal_handlers() in kernel/signal.c) */
	if (is_ending(signals) || is_in_exec(task, signals))
		return SIGNAL_UNEXPECTED;
	if (BPF_CORE_READ(task, flags) & TASK_EXITING)
		return SIGNAL_UNSURE;
	takes = signal_taken_by(task, signal);
	unhandled = takes ? SIGNAL_UNEXPECTED : all_threads_block(signals, signal);
	if (catches_to_die(sighand) || !is_caught(sighand, signal))
		return unhandled;
	return takes || unhandled != SIGNAL_UNEXPECTED ? SIGNAL_EXPECTED : SIGNAL_EXPECTED_ELSEWHERE;
}

#endif
