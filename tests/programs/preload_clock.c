// SPDX-License-Identifier: GPL-2.0-only
/* Preloaded: the time of day jumps to and fro by up to ten years at every look; the clocks that only run on are left alone. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>

#define DAY 86400

static time_t jump(void)
{
	static const time_t jumps[] = { 0, DAY, -DAY, 3600, -3650L * DAY, 3650L * DAY, -1 };
	static atomic_uint n;

	return jumps[n++ % (sizeof(jumps) / sizeof(jumps[0]))];
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	static int (*real)(clockid_t clock, struct timespec *ret);
	int result;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	result = real(clock, ret);
	if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ret->tv_sec += jump();
	return result;
}

time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	return 0;
}
