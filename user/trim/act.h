/* SPDX-License-Identifier: GPL-2.0-only */
/* The only place where memgap does something to a target. */
#ifndef MEMGAP_TRIM_ACT_H
#define MEMGAP_TRIM_ACT_H

#include <stdbool.h>
#include <stddef.h>

#include "user/target/pid.h"

struct trim_action {
	int signal;
	char text[32]; /* "signal:USR1" */
	bool dry_run;
};

/*
 * "signal:NAME": USR1, SIGUSR1, RTMIN+2 or a number. -EINVAL when malformed or no such signal, -EPERM for one that no
 * program can take (KILL, STOP), -ENOTSUP for an action that is still to come (reclaim, exec:…).
 */
int trim_action_parse(const char *text, struct trim_action *ret);

enum act_result { ACT_DONE, ACT_DRY_RUN, ACT_REFUSED, ACT_GONE, ACT_FAILED };

/*
 * Sends the signal by pidfd, but only to the process that was meant (same start time) and only if the process expects
 * it: it has a handler, or blocks it in every thread and waits for it. Otherwise nothing is sent. why
 * (size bytes) gets the reason when it was refused or failed.
 */
enum act_result trim_act(const struct trim_action *action, int proc_fd, const struct pid_identity *id, char *why,
			 size_t size);

#endif
