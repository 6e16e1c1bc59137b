/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a signal would do to a process, found out without sending it: a signal that nobody
 * expects may kill.
 */
#ifndef MEMGAP_KERNEL_SIGNALS_H
#define MEMGAP_KERNEL_SIGNALS_H

#include <stdint.h>
#include <sys/types.h>

enum signal_effect {
	SIGNAL_CAUGHT,  /* a handler is installed */
	SIGNAL_CAUGHT_TO_DIE, /* one for all signals that end a process: it cleans up before it dies, as bash with a trap on EXIT */
	SIGNAL_AWAITED, /* blocked in every thread, and taken by sigwait() or a signalfd */
	SIGNAL_BLOCKED, /* blocked in every thread, but nobody is seen to take it: it would lie in wait */
	SIGNAL_IGNORED,
	SIGNAL_DEFAULT, /* neither: the default action, which for most signals is death */
};

/* The masks of /proc/PID/task/TID/status; bit n - 1 is signal n. */
struct signal_masks {
	uint64_t blocked, ignored, caught;
};

/* -EINVAL when one of the three lines is missing. */
int signal_masks_parse(const char *text, struct signal_masks *ret);

/* -ESRCH when the process is gone. */
int signal_effect_read(int proc_fd, pid_t pid, int signal, enum signal_effect *ret);

#endif
