/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a target cannot be probed, in the same words for `watch`, which then ends, and for `check`, which shows it. */
#ifndef MEMGAP_CMD_REFUSAL_H
#define MEMGAP_CMD_REFUSAL_H

#include <stdbool.h>

#include "user/base/error.h"
#include "user/target/pid.h"

/*
 * result: what probes_attach() or examine_process() returned, not 0; -ENOENT: there is nothing to probe, and the process is looked
 * at to say why. Always fails: with the exit status that `watch` has for it.
 */
int refusal_explain(int result, int proc_fd, const struct pid_identity *id, struct error *err);

/* Whether nothing may be probed there, and all else goes on: no allocator, or a translator. */
bool refusal_is_mild(int result);

/* The same for a program that has not been started yet: there is nothing to probe in it. */
int refusal_explain_program(const char *path, struct error *err);

#endif
