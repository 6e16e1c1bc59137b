/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps what probes cost a process within a bound: it knows what a call costs with probes in place, sees how many there are, and takes
 * probes away that a process would pay too much for. Then they are back for short windows only, until they fit again: what is allocated in
 * between is estimated (user/governor/holes.h).
 */
#ifndef MEMGAP_CMD_GOVERNOR_H
#define MEMGAP_CMD_GOVERNOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "user/base/loop.h"

struct targets;

struct governor;

/* share: of the time that probes may cost a process, 0.05 for 5 %; INFINITY: it is only measured. 0 or -errno. */
int governor_open(struct targets *targets, double share, struct loop *loop, struct governor **ret);
/* NULL is allowed. false: probes are still being taken away, and what they work on must stay. */
bool governor_close(struct governor *governor);

/* At each interval: what it cost each process since the last one. */
void governor_interval(struct governor *governor);

/* A translator (user/allocator/translator.h) has begun: what is probed for everyone is so no more until it ends, or turns out not to map it. */
void governor_yield(struct governor *governor, pid_t translator);

/* A process that is a target itself has gone: its own probes concern nobody any more. */
void governor_forget(struct governor *governor, pid_t pid);

#endif
