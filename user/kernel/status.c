// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/units.h"

/* "VmRSS:\t  1234 kB" to bytes, for each line we know. */
static const struct {
	const char *name;
	size_t offset;
} lines[] = {
	{ "VmRSS:", offsetof(struct process_status, rss) },
	{ "RssAnon:", offsetof(struct process_status, rss_anon) },
	{ "RssFile:", offsetof(struct process_status, rss_file) },
	{ "RssShmem:", offsetof(struct process_status, rss_shmem) },
	{ "VmSwap:", offsetof(struct process_status, swap) },
	{ "VmData:", offsetof(struct process_status, data) },
};

static void parse_line(const char *line, struct process_status *status)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		size_t length = strlen(lines[i].name);
		char unit[4] = "";
		int64_t kib;

		if (strncmp(line, lines[i].name, length))
			continue;
		if (sscanf(line + length, "%" SCNd64 "%3s", &kib, unit) == 2 && !strcmp(unit, "kB") && kib >= 0 &&
		    kib <= INT64_MAX / 1024)
			*(int64_t *)((char *)status + lines[i].offset) = kib * 1024;
		return;
	}
	sscanf(line, "Seccomp: %d", &status->seccomp);
}

int process_status_parse(const char *text, struct process_status *ret)
{
	struct process_status status = { UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, -1 };

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		parse_line(line, &status);
	if (!is_known(status.rss))
		return -ESRCH;
	*ret = status;
	return 0;
}

static int read_status(int proc_fd, const char *path, struct process_status *ret)
{
	char *text;
	int result;

	result = read_whole_file_at(proc_fd, path, STATUS_MAX, &text);
	if (result)
		return result == -ENOENT ? -ESRCH : result;
	result = process_status_parse(text, ret);
	free(text);
	return result;
}

/* When the first thread has ended, the memory is the others' still. */
static int read_other_thread(int proc_fd, pid_t pid, struct process_status *ret)
{
	char path[300];
	struct dirent *entry;
	int result = -ESRCH, fd;
	DIR *dir;

	snprintf(path, sizeof(path), "%d/task", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	while (dir && result && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == pid)
			continue;
		snprintf(path, sizeof(path), "%s/status", entry->d_name);
		result = read_status(dirfd(dir), path, ret);
	}
	if (dir)
		closedir(dir);
	return result;
}

int process_status_read(int proc_fd, pid_t pid, struct process_status *ret)
{
	char path[32];
	int result;

	snprintf(path, sizeof(path), "%d/status", pid);
	result = read_status(proc_fd, path, ret);
	return result == -ESRCH ? read_other_thread(proc_fd, pid, ret) : result;
}
