// SPDX-License-Identifier: GPL-2.0-only
#include "user/target/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel says EAGAIN when something was renamed during a ".."; it asks for another try. */
#define TRIES 5

int root_open(int root_fd, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT };
	long fd = -1;

	for (int i = 0; i < TRIES; i++) {
		fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

/* Its size is what fstat() said, or less if it has shrunk since. */
static int read_regular(int fd, size_t max, char **ret_text, size_t *ret_length)
{
	struct stat st;
	size_t used = 0;
	ssize_t n = 1;
	char *text;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (used < (size_t)st.st_size && n > 0) {
		n = read(fd, text + used, (size_t)st.st_size - used);
		if (n > 0)
			used += (size_t)n;
	}
	if (n < 0) {
		n = -errno;
		free(text);
		return (int)n;
	}
	text[used] = '\0';
	*ret_text = text;
	*ret_length = used;
	return 0;
}

int root_read_file(int root_fd, const char *path, size_t max, char **ret_text, size_t *ret_length)
{
	int fd = root_open(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY), error;

	if (fd < 0)
		return fd;
	error = read_regular(fd, max, ret_text, ret_length);
	close(fd);
	return error;
}

int host_root_open(int proc_fd)
{
	int fd = openat(proc_fd, "1/root", O_PATH | O_DIRECTORY | O_CLOEXEC);

	/* it is not ours to look into where we have not its capabilities: where agents have it mounted by custom */
	if (fd < 0 && faccessat(AT_FDCWD, "/host/proc", F_OK, 0) == 0)
		fd = open("/host", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int process_root_open(int proc_fd, pid_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "%d/root", pid);
	fd = openat(proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return errno == ENOENT ? -ESRCH : -errno;
}

int path_fd_open(int proc_fd, int path_fd, int flags)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "self/fd/%d", path_fd);
	fd = openat(proc_fd, path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
