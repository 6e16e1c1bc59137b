// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/activity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int activity_open(int proc_fd, pid_t pid, struct activity *ret)
{
	char path[32];

	snprintf(path, sizeof(path), "%d/statm", pid);
	*ret = (struct activity){ .fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC) };
	return ret->fd < 0 ? -errno : 0;
}

void activity_close(struct activity *activity)
{
	if (activity->fd >= 0)
		close(activity->fd);
	activity->fd = -1;
}

enum activity_change activity_look(struct activity *activity)
{
	char text[STATM_MAX] = "";
	struct statm now = { 0 };

	if (pread(activity->fd, text, sizeof(text) - 1, 0) <= 0)
		return ACTIVITY_GONE;
	if (!statm_parse(text, 1, &now) && !memcmp(&now, &activity->last, sizeof(now)))
		return ACTIVITY_SAME;
	activity->last = now;
	return ACTIVITY_CHANGED;
}
