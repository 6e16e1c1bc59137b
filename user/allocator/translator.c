// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/translator.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/allocator/modules.h"

#define GONE " (deleted)" /* d_path() in fs/d_path.c: an executable that was replaced */

static bool ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), n = strlen(end);

	return length >= n && !strcmp(text + length - n, end);
}

bool translator_is_named(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	/* valgrind's launcher, which Debian has a script around, becomes a tool's /usr/libexec/valgrind/memcheck-amd64-linux */
	if (!strcmp(name, "valgrind") || !strcmp(name, "valgrind.bin"))
		return true;
	if (strstr(path, "/valgrind/") && ends_in(name, "-linux"))
		return true;
	return !strncmp(name, "qemu-", strlen("qemu-")) && strncmp(name, "qemu-system-", strlen("qemu-system-"));
}

bool translator_is(int proc_fd, pid_t pid)
{
	char link[32], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "%d/exe", pid);
	n = readlinkat(proc_fd, link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	if (ends_in(path, GONE))
		path[(size_t)n - strlen(GONE)] = '\0';
	return translator_is_named(path);
}

static bool maps(const struct bpf_program *iterator, int proc_fd, pid_t pid, uint64_t device, uint64_t inode)
{
	struct modules modules;
	bool found = false;
	int result = modules_read(iterator, proc_fd, pid, &modules);

	/* where that cannot be told it is taken for one that does */
	if (result)
		return result != -ESRCH;
	for (size_t i = 0; i < modules.n && !found; i++)
		found = modules.list[i].device == device && modules.list[i].inode == inode;
	modules_free(&modules);
	return found;
}

int translator_find(const struct bpf_program *iterator, int proc_fd, uint64_t device, uint64_t inode, pid_t *ret)
{
	int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *proc = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int result = proc ? 0 : -errno;

	*ret = 0;
	while (proc && !*ret && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && translator_is(proc_fd, pid) && maps(iterator, proc_fd, pid, device, inode))
			*ret = pid;
	}
	if (proc)
		closedir(proc);
	else if (fd >= 0)
		close(fd);
	return result;
}
