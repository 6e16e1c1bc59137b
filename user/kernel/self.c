// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/self.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/units.h"

static double seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

/* proc(5), /proc/PID/statm: the second number, in pages. */
static int64_t read_resident(void)
{
	char text[128];
	long long pages;

	if (read_file_at(AT_FDCWD, "/proc/self/statm", text, sizeof(text)) < 0 || sscanf(text, "%*d %lld", &pages) != 1)
		return UNKNOWN;
	return pages * sysconf(_SC_PAGESIZE);
}

static int64_t count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;
	int64_t n = -1; /* without the directory's own */

	if (!directory)
		return UNKNOWN;
	while ((entry = readdir(directory)))
		n += entry->d_name[0] != '.';
	closedir(directory);
	return n;
}

struct self_usage self_usage_read(void)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_SELF, &usage);
	return (struct self_usage){ seconds(&usage.ru_utime) + seconds(&usage.ru_stime), read_resident(), count_fds() };
}
