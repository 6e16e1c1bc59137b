// SPDX-License-Identifier: GPL-2.0-only
#include "user/memory/pace.h"

#include <errno.h>
#include <time.h>

#include "user/base/fs.h"

void pace_begin(struct pace *pace, const struct heap_budget *budget)
{
	uint64_t now = monotonic_ns();

	*pace = (struct pace){ now + budget->most_ns, now + budget->at_once_ns, budget->slice_ns, budget->rest_ns };
}

int pace_check(struct pace *pace)
{
	uint64_t now = monotonic_ns();

	if (now > pace->deadline)
		return -ETIME;
	if (now < pace->slice_end || !pace->rest_ns)
		return 0;
	nanosleep(&(struct timespec){ .tv_sec = (time_t)(pace->rest_ns / 1000000000), .tv_nsec = (long)(pace->rest_ns % 1000000000) }, NULL);
	pace->deadline += monotonic_ns() - now;
	pace->slice_end = monotonic_ns() + pace->slice_ns;
	return 1;
}
