/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes that are not watched, but pay for probes on a library's file, since they map it too. No figure of theirs is shown; what they
 * pay is bounded as for those that are.
 */
#ifndef MEMGAP_CMD_STRANGERS_H
#define MEMGAP_CMD_STRANGERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/memgap.h"
#include "user/governor/budget.h"

struct targets;

struct stranger {
	struct memgap_stranger who;
	uint64_t hits, seen;   /* so far; the look that it was seen in */
	uint64_t looked_ns;
	int64_t hit_ns;        /* what a hit costs it */
	struct budget budget;
	int64_t window_cost_ns; /* since strangers_begin_window() */
};

struct strangers {
	struct stranger *list; /* sorted */
	size_t n, room;
	uint64_t looks, looked_ns; /* how many, and the last one */
};

/* Called for each that has hit probes since the last look: overdrawn: it paid more for that than it may. */
struct strangers_look {
	int64_t (*cost_of_hit)(void *data, uint32_t library); /* ns */
	void (*overdrawn)(void *data, const struct stranger *stranger, double percent); /* of a core, since the last look */
	void *data;
	double share; /* as in budget.h */
};

void strangers_look(struct strangers *strangers, const struct targets *targets, const struct strangers_look *look, uint64_t now_ns);

/* A window begins; what the one paid in it that paid most. */
void strangers_begin_window(struct strangers *strangers);
int64_t strangers_dearest(const struct strangers *strangers);

void strangers_free(struct strangers *strangers);

#endif
