/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A signal for a process that expects it, with the look and the sending next to each other within the kernel. From a look at
 * /proc/PID/status to pidfd_send_signal() a process has time to take its handler away, and would die.
 *
 * The rule is that of user/kernel/signals.h, less whether somebody takes a signal that all threads block: that is for the
 * caller to find out before. A process that begins another program just now does not expect anything.
 *
 * Linux 6.18: a thread that would take the signal, the first if it would, is made to come out of what it does, to look, to send the
 * signal to itself alone, and to take it. It cannot have taken its handler away in between; another thread has a third of a microsecond
 * for it. Where another thread begins another program instead, the signal goes with the thread that had it. Where the thread cannot
 * come, because it sleeps uninterruptibly, is stopped, or gets no CPU, nothing is sent if there are others.
 * Linux 6.14, and where all threads block the signal, or the only one cannot come: a BPF program looks and sends from another CPU, and
 * until the process comes to take it, some microseconds later, it is as with kill().
 *
 * The receiver sees si_code SI_KERNEL and si_pid 0 (bpf_send_signal_common() in kernel/trace/bpf_trace.c); security modules are not
 * asked, as they are for kill().
 */
#ifndef MEMGAP_ALLOCATOR_GATE_H
#define MEMGAP_ALLOCATOR_GATE_H

#include <stdint.h>
#include <sys/types.h>

struct gate;

enum gate_result {
	GATE_SENT,
	GATE_UNEXPECTED, /* the process does not expect it now: nothing was sent */
	GATE_GONE,       /* there is no such process, or it is another one by now, or a thread that is not its process's first */
	GATE_BUSY,       /* the thread that takes it cannot look, and others may change handlers before it takes the signal: nothing was sent */
	GATE_UNABLE,     /* nothing was sent, as far as is known: look and send by other means */
};

/* -ENOTSUP: this kernel cannot; -EPERM: root can; -ENOMEM. gate_close() releases it. */
int gate_open(struct gate **ret);
void gate_close(struct gate *gate); /* may be NULL */

/*
 * To the process pid, in the caller's pid namespace, which started at start_time (struct pid_identity). Waits for a process that gets
 * no CPU, 50 ms at most before it goes the other way, or gives up. Not from two threads at once.
 */
enum gate_result gate_send(struct gate *gate, pid_t pid, uint64_t start_time, int signal);

#endif
