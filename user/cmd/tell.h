/* SPDX-License-Identifier: GPL-2.0-only */
/* What is said of processes on stderr while they are watched. */
#ifndef MEMGAP_CMD_TELL_H
#define MEMGAP_CMD_TELL_H

#include "user/cmd/targets.h"

/* At each interval: of whom nothing can be told, once each. */
void tell_unprobed(struct targets *targets);

/* Of a pid target or COMMAND that has exited; takes the status of the latter. */
void tell_exit(const struct watched_process *process);

#endif
