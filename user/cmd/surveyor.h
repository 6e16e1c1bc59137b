/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What costs too much to be read at each interval: the walk through a process's heap, and that over all its pages
 * (smaps_rollup). One process at a time is looked into, in the background, so that no line waits for it; how often, depends
 * on what it costs and on what has changed.
 */
#ifndef MEMGAP_CMD_SURVEYOR_H
#define MEMGAP_CMD_SURVEYOR_H

#include <stdbool.h>

#include "user/base/loop.h"

struct targets;
struct surveyor;

/* 0 or -errno. */
int surveyor_open(struct targets *targets, struct loop *loop, struct surveyor **ret);
/* NULL is allowed. false: a look is still going on, and what it works on (proc_fd too) must stay. */
bool surveyor_close(struct surveyor *surveyor);

/* At each interval: starts the next look when one is due and can be afforded. */
void surveyor_tick(struct surveyor *surveyor);

#endif
