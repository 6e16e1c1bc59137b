// SPDX-License-Identifier: GPL-2.0-only
/* The processes of a cgroup and of those below it. */
#include "user/target/hierarchy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Deeper nesting is not looked into: the same bound as in bpf/process.bpf.c. */
#define MAX_CGROUP_DEPTH 32

static int visit_pids(int dir_fd, int (*visit)(pid_t pid, void *data), void *data)
{
	int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC), pid, result = 0;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (!file) {
		result = -errno;
		if (fd >= 0)
			close(fd);
		return result;
	}
	/* 0 stands for a process that this pid namespace does not have */
	while (!result && fscanf(file, "%d", &pid) == 1)
		if (pid > 0)
			result = visit(pid, data);
	if (!result && ferror(file))
		result = -ENODEV;
	fclose(file);
	return result;
}

static int visit_below(int dir_fd, int depth, int (*visit)(pid_t pid, void *data), void *data)
{
	struct dirent *entry;
	int result = 0, fd;
	DIR *dir;

	/* a description of its own: rewinding a shared one would disturb another walk */
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (!result && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue; /* vanished */
		result = visit_pids(fd, visit, data);
		if (result == -ENOENT || result == -ENODEV)
			result = 0;
		if (!result && depth < MAX_CGROUP_DEPTH)
			result = visit_below(fd, depth + 1, visit, data);
		close(fd);
	}
	closedir(dir);
	return result;
}

int cgroup_dir_each_pid(const struct cgroup_dir *dir, int (*visit)(pid_t pid, void *data), void *data)
{
	int result = visit_pids(dir->fd, visit, data);

	if (result == -ENOENT)
		return -ENODEV;
	return result ? result : visit_below(dir->fd, 1, visit, data);
}
