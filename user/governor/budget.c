// SPDX-License-Identifier: GPL-2.0-only
#include "user/governor/budget.h"

#include <math.h>

/*
 * A program may begin with some 100,000 allocations, and then do little: so long a time's share may be spent at once; at 5 % that is
 * half a second, 400,000 pairs.
 */
#define SAVED_NS 10000000000.0

/* Of the share, for windows: the rest is for what a window costs that is worse than the last. */
#define WINDOWS_PART 0.5

/* memgap itself is to use no more than 1 % of a core for windows. */
#define OWN_COST_TIMES 100

/* More often than this nobody needs to know. */
#define PAUSE_LEAST_NS 200000000ULL
#define PAUSE_MOST_NS 3600000000000ULL

/* To come back, probes must cost no more than this part of the share: else they would come and go all the time. */
#define CALM_PART 0.5
#define CALM_LEAST 3
#define CALM_MOST 96
/* Taken away again after less than that, they had come back too soon. */
#define SOON_NS 30000000000ULL

static int64_t full(double share)
{
	return isfinite(share) ? (int64_t)(share * SAVED_NS) : 0;
}

void budget_begin(struct budget *budget, double share, uint64_t now_ns)
{
	*budget = (struct budget){ now_ns, full(share) };
}

void budget_add(struct budget *budget, double share)
{
	budget->saved_ns += full(share);
}

bool budget_spend(struct budget *budget, double share, uint64_t now_ns, int64_t cost_ns)
{
	/* what it had besides, it keeps */
	int64_t most = budget->saved_ns > full(share) ? budget->saved_ns : full(share);

	if (!isfinite(share))
		return true;
	budget->saved_ns += (int64_t)(share * (double)(now_ns - budget->at_ns));
	budget->at_ns = now_ns;
	if (budget->saved_ns > most)
		budget->saved_ns = most;
	budget->saved_ns -= cost_ns;
	return budget->saved_ns >= 0;
}

uint64_t window_pause_ns(double share, int64_t cost_ns, uint64_t own_cost_ns)
{
	double pause_ns = (double)cost_ns / (share * WINDOWS_PART), own_ns = (double)own_cost_ns * OWN_COST_TIMES;

	if (pause_ns < own_ns)
		pause_ns = own_ns;
	if (pause_ns > (double)PAUSE_MOST_NS) /* infinite too: a share of 0 */
		return PAUSE_MOST_NS;
	return pause_ns > (double)PAUSE_LEAST_NS ? (uint64_t)pause_ns : PAUSE_LEAST_NS;
}

void calm_begin(struct calm *calm)
{
	*calm = (struct calm){ .needed = CALM_LEAST };
}

void calm_end(struct calm *calm, uint64_t now_ns)
{
	bool soon = calm->back_ns && now_ns - calm->back_ns < SOON_NS;
	unsigned int needed = soon ? calm->needed * 2 : CALM_LEAST;

	*calm = (struct calm){ .needed = needed < CALM_MOST ? needed : CALM_MOST };
}

bool calm_window(struct calm *calm, double share, uint64_t now_ns, uint64_t length_ns, int64_t cost_ns)
{
	bool fits = (double)cost_ns <= share * CALM_PART * (double)length_ns;

	calm->windows = fits ? calm->windows + 1 : 0;
	if (calm->windows < calm->needed)
		return false;
	calm->windows = 0;
	calm->back_ns = now_ns;
	return true;
}
