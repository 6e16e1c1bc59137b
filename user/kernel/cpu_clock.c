// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/cpu_clock.h"

#include <time.h>

#include "user/base/units.h"

int64_t cpu_clock_of(pid_t pid)
{
	struct timespec now;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &now))
		return UNKNOWN;
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
