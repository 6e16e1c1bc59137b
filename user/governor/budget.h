/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What probes may cost a process: a share of the time, which is saved up for a while, so that a burst may use it. Pure: the clock is the
 * caller's (ns), costs are ns that the process's threads lose. A share of INFINITY is no bound.
 */
#ifndef MEMGAP_GOVERNOR_BUDGET_H
#define MEMGAP_GOVERNOR_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
	uint64_t at_ns;
	int64_t saved_ns;
};

/* As full as it gets. share: of the time, 0.05 for 5 %. */
void budget_begin(struct budget *budget, double share, uint64_t now_ns);

/* As much once more, for who has a great deal to lose. */
void budget_add(struct budget *budget, double share);

/* What was spent since the last call. false: more than there was. */
bool budget_spend(struct budget *budget, double share, uint64_t now_ns, int64_t cost_ns);

/*
 * While probes are too dear they are put in place for short windows only, to see how much is going on. How long to wait after one
 * that has cost a process so much, and memgap itself so much CPU time.
 */
uint64_t window_pause_ns(double share, int64_t cost_ns, uint64_t own_cost_ns);

/* Whether they would fit again, and are to come back for good. */
struct calm {
	unsigned int windows, needed; /* in a row, so far; as many it takes */
	uint64_t back_ns;             /* when they came back last */
};

void calm_begin(struct calm *calm);
/* They are taken away: soon after they came back, it takes more the next time. */
void calm_end(struct calm *calm, uint64_t now_ns);
/* A window of that length is over. true: they fit. */
bool calm_window(struct calm *calm, double share, uint64_t now_ns, uint64_t length_ns, int64_t cost_ns);

#endif
