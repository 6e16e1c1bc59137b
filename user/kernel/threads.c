// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "user/base/fs.h"

int other_threads_read(int proc_fd, pid_t pid, const char *file, thread_read read, void *ret)
{
	char path[300];
	struct dirent *entry;
	int result = -ESRCH, fd;
	DIR *dir;

	snprintf(path, sizeof(path), "%d/task", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fs_is_short(-errno)) /* it is not gone for that */
		result = -errno;
	if (!dir && fd >= 0)
		close(fd);
	while (dir && result == -ESRCH && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == pid)
			continue;
		snprintf(path, sizeof(path), "%s/%s", entry->d_name, file);
		result = read(dirfd(dir), path, ret);
		if (result == -ENOENT)
			result = -ESRCH; /* this thread is gone meanwhile */
	}
	if (dir)
		closedir(dir);
	return result;
}
