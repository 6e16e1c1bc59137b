// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Fills the buffer until the file ends; the number of bytes, or -errno. */
static ssize_t read_fully(int fd, char *buffer, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = read(fd, buffer + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

ssize_t read_file_at(int dir_fd, const char *path, char *buffer, size_t size)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read_fully(fd, buffer, size);
	close(fd);
	if (n < 0)
		return n;
	if ((size_t)n == size)
		return -EFBIG;
	buffer[n] = '\0';
	return n;
}

int read_whole_file_at(int dir_fd, const char *path, size_t max, char **ret_text)
{
	const size_t most = max + 1; /* with the NUL */
	size_t size = 0;
	char *text = NULL;
	ssize_t n;

	do {
		free(text);
		size = size ? 2 * size : 16 * 1024;
		if (size > most)
			size = most;
		text = malloc(size);
		if (!text)
			return -ENOMEM;
		n = read_file_at(dir_fd, path, text, size);
	} while (n == -EFBIG && size < most);
	if (n < 0) {
		free(text);
		return (int)n;
	}
	*ret_text = text;
	return 0;
}

bool fs_is_short(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}
