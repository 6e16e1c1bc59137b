// SPDX-License-Identifier: GPL-2.0-only
#include "user/target/launch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

int launch_find(const char *name, char ret_path[PATH_MAX])
{
	const char *path = getenv("PATH");

	if (strchr(name, '/')) {
		snprintf(ret_path, PATH_MAX, "%s", name);
		return is_program(name) ? 0 : -ENOENT;
	}
	for (path = path ? path : "/usr/bin:/bin"; *name; path++) {
		int length = (int)strcspn(path, ":");

		/* an empty entry is the current directory */
		if (snprintf(ret_path, PATH_MAX, "%.*s%s%s", length, path, length ? "/" : "./", name) < PATH_MAX &&
		    is_program(ret_path))
			return 0;
		path += length;
		if (!*path)
			break;
	}
	return -ENOENT;
}

void launch_restore_signals(const struct inherited *inherited)
{
	sigaction(SIGPIPE, &inherited->on_sigpipe, NULL);
	sigprocmask(SIG_SETMASK, &inherited->blocked, NULL);
}

void launch_execute(const char *path, char *const argv[], char *const envp[], int error_fd)
{
	execve(path, argv, envp);
	if (write(error_fd, &errno, sizeof(errno)) < 0)
		_exit(126);
	_exit(127);
}

int launch_result(int error_fd)
{
	int failure = 0;
	ssize_t n;

	do
		n = read(error_fd, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 0 ? 0 : -failure;
}
