// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/open_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/fs.h"

/* By what is known without asking the file system: that of FUSE or NFS need not answer. */
static int identify(int dir_fd, const char *name, struct statx *ret)
{
	const int flags = AT_STATX_DONT_SYNC | (*name ? 0 : AT_EMPTY_PATH);

	return statx(dir_fd, name, flags, STATX_TYPE | STATX_INO, ret) ? -errno : 0;
}

static bool is_same(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major && a->stx_dev_minor == b->stx_dev_minor;
}

/* "flags:" of fdinfo: open(2)'s, in octal. */
static bool is_for_reading(int proc_fd, pid_t pid, const char *fd)
{
	char path[300], text[512], *line;
	unsigned int flags;

	snprintf(path, sizeof(path), "%d/fdinfo/%s", pid, fd);
	if (read_file_at(proc_fd, path, text, sizeof(text)) < 0)
		return false;
	line = strstr(text, "flags:");
	if (!line || sscanf(line, "flags: %o", &flags) != 1)
		return false;
	return (flags & O_ACCMODE) != O_WRONLY && !(flags & O_PATH);
}

static DIR *open_fds(int proc_fd, pid_t pid)
{
	char path[32];
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%d/fd", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

int process_reads_file(int proc_fd, pid_t pid, int fd)
{
	struct statx wanted, seen;
	struct dirent *entry;
	int result = identify(fd, "", &wanted), n = 0;
	DIR *dir;

	if (result)
		return result;
	dir = open_fds(proc_fd, pid);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	result = -ENOENT;
	while (result == -ENOENT && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (n++ == OPEN_FILES_MAX)
			result = -EMFILE;
		else if (!identify(dirfd(dir), entry->d_name, &seen) && is_same(&wanted, &seen) &&
			 is_for_reading(proc_fd, pid, entry->d_name))
			result = 0;
	}
	closedir(dir);
	return result;
}
