/* SPDX-License-Identifier: GPL-2.0-only */
/* The only place where memgap does something to a process. */
#ifndef MEMGAP_TRIM_ACT_H
#define MEMGAP_TRIM_ACT_H

#include <stddef.h>

#include "user/target/pid.h"
#include "user/trim/action.h"

struct gate;

enum act_result { ACT_DONE, ACT_DRY_RUN, ACT_REFUSED, ACT_GONE, ACT_FAILED };

/*
 * Asks a process to trim, by a signal or by the memory-pressure protocol: only the one that was meant (same start time), and
 * only if it expects that: it has a handler for the signal, or blocks it in every thread and waits for it. Otherwise
 * nothing is sent. why (size bytes) gets the reason when it was refused or failed.
 *
 * With a gate (user/allocator/gate.h) the kernel looks once more right before it sends the signal; NULL: without, a handler that is
 * removed in between, some 20 us, is not noticed.
 */
enum act_result trim_act(const struct trim_action *action, struct gate *gate, int proc_fd, const struct pid_identity *id, char *why,
			 size_t size);

/* What a signal would do, as trim_act() sees it: ACT_DONE when it is expected. Nothing is sent. */
enum act_result trim_check_signal(int signal, int proc_fd, const struct pid_identity *id, char *why, size_t size);

#endif
