// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fs.h"

int environment_find(const char *text, size_t length, const char *name, char *value, size_t size)
{
	const char *end = text + length;
	size_t name_length = strlen(name), n;

	for (; text < end; text += n + 1) {
		const char *found = text + name_length + 1;

		n = strnlen(text, (size_t)(end - text));
		if (n <= name_length || text[name_length] != '=' || memcmp(text, name, name_length))
			continue;
		n -= name_length + 1;
		if (n >= size)
			return -ENAMETOOLONG;
		memcpy(value, found, n);
		value[n] = '\0';
		return 0;
	}
	return -ENOENT;
}

int environment_read(int proc_fd, pid_t pid, const char *name, char *value, size_t size)
{
	char path[32], *text = malloc(ENVIRONMENT_MAX + 1);
	ssize_t n;
	int result;

	if (!text)
		return -ENOMEM;
	snprintf(path, sizeof(path), "%d/environ", pid);
	n = read_file_at(proc_fd, path, text, ENVIRONMENT_MAX + 1);
	if (n < 0)
		result = n == -ENOENT ? -ESRCH : (int)n;
	else
		result = environment_find(text, (size_t)n, name, value, size);
	free(text);
	return result;
}
