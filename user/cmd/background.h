/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a trim does that takes its time: the kernel reclaiming from a cgroup, one cgroup at a time, in a thread; commands, each for at most
 * ten seconds. The trimmer is told when it is over.
 */
#ifndef MEMGAP_CMD_BACKGROUND_H
#define MEMGAP_CMD_BACKGROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/loop.h"
#include "user/cmd/trimmer.h"
#include "user/target/command.h"

struct background;

/* 0 or -errno. inherited: what commands are started with; it stays the caller's. */
int background_open(struct loop *loop, const struct inherited *inherited, struct background **ret);
/* false: a reclaim goes on in its thread, and what it works on must stay. */
bool background_close(struct background *background);

/*
 * Begins what trimmer->round.action says; trimmer_reclaimed() or trimmer_executed() tells of its end. false: nothing was begun, trimmer->event has the outcome
 * and why. bytes, cache_only: as struct reclaim has them.
 */
bool background_reclaim(struct background *background, struct trimmer *trimmer, int64_t bytes, bool cache_only);
bool background_exec(struct background *background, struct trimmer *trimmer, const struct snapshot *snapshot);

/* The trimmer goes: a command of its is killed, a reclaim is told to stop, nobody is told. Whether there was any. */
bool background_forget(struct background *background, struct trimmer *trimmer);

#endif
