// SPDX-License-Identifier: GPL-2.0-only
/* The processes of a cgroup and of those below it. */
#include "user/target/hierarchy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fs.h"

/* Deeper nesting is not looked into: the same bound as in bpf/process.bpf.c. */
#define MAX_CGROUP_DEPTH 32

/* Visits the pids whose lines are complete; what is left of the text is the begin of another. */
static int visit_lines(char *text, size_t *length, int (*visit)(pid_t pid, void *data), void *data)
{
	char *line = text, *end;
	int result = 0;

	while (!result && (end = memchr(line, '\n', *length - (size_t)(line - text)))) {
		long pid = strtol(line, NULL, 10);

		if (pid >= 0 && pid <= INT_MAX)
			result = visit((pid_t)pid, data);
		line = end + 1;
	}
	*length -= (size_t)(line - text);
	memmove(text, line, *length);
	return result;
}

int cgroup_each_own_pid(int dir_fd, int (*visit)(pid_t pid, void *data), void *data)
{
	int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC), result = 0;
	char text[4096];
	size_t length = 0;
	ssize_t n = 1;

	if (fd < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	while (!result && n > 0 && length < sizeof(text) - 1) {
		n = read(fd, text + length, sizeof(text) - 1 - length);
		if (n < 0)
			result = -errno;
		if (n <= 0)
			break;
		length += (size_t)n;
		text[length] = '\0';
		result = visit_lines(text, &length, visit, data);
	}
	close(fd);
	return result;
}

/* What a caller of cgroup_dir_each_pid() wants. */
struct visitor {
	int (*visit)(pid_t pid, void *data);
	void *data;
};

static int visit_seen(pid_t pid, void *data)
{
	const struct visitor *visitor = data;

	return pid ? visitor->visit(pid, visitor->data) : 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as directories are, MAX_CGROUP_DEPTH at most */
static int visit_below(int dir_fd, int depth, struct visitor *visitor)
{
	struct dirent *entry;
	int result = 0, fd;
	DIR *dir;

	/* a description of its own: rewinding a shared one would disturb another walk */
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		result = fs_is_short(-errno) ? -errno : 0;
		if (fd >= 0)
			close(fd);
		return result;
	}
	while (!result && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && fs_is_short(-errno))
			result = -errno;
		if (fd < 0)
			continue; /* else vanished */
		result = cgroup_each_own_pid(fd, visit_seen, visitor);
		if (result == -ENODEV || result == -EOPNOTSUPP)
			result = 0; /* vanished; one of threads alone, whose processes are those of the one above */
		if (!result && depth < MAX_CGROUP_DEPTH)
			result = visit_below(fd, depth + 1, visitor);
		close(fd);
	}
	closedir(dir);
	return result;
}

int cgroup_dir_each_pid(const struct cgroup_dir *dir, int (*visit)(pid_t pid, void *data), void *data)
{
	struct visitor visitor = { visit, data };
	int result = cgroup_each_own_pid(dir->fd, visit_seen, &visitor);

	if (result && result != -EOPNOTSUPP)
		return result;
	return visit_below(dir->fd, 1, &visitor);
}
