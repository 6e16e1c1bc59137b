// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/cgroup.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/units.h"

/* PAGE_COUNTER_MAX pages of 4 KiB, less what rounding to larger pages may take: no machine has as much. */
#define V1_NO_LIMIT (INT64_MAX - (1 << 20))

int64_t cgroup_parse_bytes(const char *text)
{
	char *end;
	long long bytes;

	if (!isdigit((unsigned char)*text))
		return UNKNOWN;
	errno = 0;
	bytes = strtoll(text, &end, 10);
	return errno || (*end && *end != '\n') ? UNKNOWN : bytes;
}

int64_t cgroup_parse_limit(const char *text)
{
	int64_t bytes = cgroup_parse_bytes(text);

	return bytes >= V1_NO_LIMIT ? UNKNOWN : bytes;
}

bool cgroup_has_memory(int dir_fd, int version)
{
	/* the root has neither file, any other v2 cgroup has cgroup.type */
	return version == 1 || !faccessat(dir_fd, "memory.current", F_OK, 0) || faccessat(dir_fd, "cgroup.type", F_OK, 0);
}

bool cgroup_root_has_memory(int root_fd, int version)
{
	char text[512], *rest = text, *controller;

	if (version == 1)
		return true;
	if (read_file_at(root_fd, "cgroup.controllers", text, sizeof(text)) < 0)
		return false;
	while ((controller = strsep(&rest, " \n")))
		if (!strcmp(controller, "memory"))
			return true;
	return false;
}

void cgroup_memory_init(struct cgroup_memory *memory)
{
	*memory = (struct cgroup_memory){ UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
					  UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, NAN };
}

int cgroup_memory_read(int dir_fd, int version, struct cgroup_memory *ret)
{
	const char *current = version == 2 ? "memory.current" : "memory.usage_in_bytes";
	const char *limit = version == 2 ? "memory.max" : "memory.limit_in_bytes";
	char text[64];
	struct stat st;

	cgroup_memory_init(ret);
	if (read_file_at(dir_fd, current, text, sizeof(text)) >= 0)
		ret->current = cgroup_parse_bytes(text);
	else if (fstat(dir_fd, &st) || !st.st_nlink || read_file_at(dir_fd, "cgroup.procs", text, 1) == -ENOENT)
		return -ENODEV;
	if (read_file_at(dir_fd, limit, text, sizeof(text)) >= 0)
		ret->limit = cgroup_parse_limit(text);
	return 0;
}
