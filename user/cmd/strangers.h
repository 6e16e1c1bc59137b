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
	struct budget budget;
	int64_t window_cost_ns; /* since strangers_begin_window() */
};

struct strangers {
	struct stranger *list; /* sorted */
	size_t n, room;
	uint64_t looks;
};

/* Called for each that has hit probes since the last look: cost_ns is what it paid for that; overdrawn: more than it may. */
struct strangers_look {
	int64_t (*cost_of_hit)(void *data, uint32_t library); /* ns; 0: nothing of it is known */
	void (*overdrawn)(void *data, const struct stranger *stranger, int64_t cost_ns);
	void *data;
	double share; /* as in budget.h */
};

void strangers_look(struct strangers *strangers, const struct targets *targets, const struct strangers_look *look, uint64_t now_ns);

/* A window on that library begins; what the one paid in it that paid most. */
void strangers_begin_window(struct strangers *strangers, uint32_t library);
int64_t strangers_dearest(const struct strangers *strangers, uint32_t library);

void strangers_free(struct strangers *strangers);

#endif
