// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/status.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/kernel/threads.h"

/* Bytes that it has unless the process is in very many groups: no memory is allocated for it. */
#define USUAL_SIZE 8192

#define LINE(name, field) { name, sizeof(name) - 1, offsetof(struct process_status, field) }

/* "VmRSS:\t  1234 kB" to bytes, for each line we know. */
static const struct {
	const char *name;
	size_t length, offset;
} lines[] = {
	LINE("VmRSS:", rss),
	LINE("RssAnon:", rss_anon),
	LINE("RssFile:", rss_file),
	LINE("RssShmem:", rss_shmem),
	LINE("VmSwap:", swap),
	LINE("VmData:", data),
};

static const char *skip_blanks(const char *text)
{
	while (*text == ' ' || *text == '\t')
		text++;
	return text;
}

/* Decimal digits, after blanks; *ret_end is what follows them. -1 when there are none, or the figure is above most. */
static int64_t parse_digits(const char *text, int64_t most, const char **ret_end)
{
	int64_t value = 0;

	text = skip_blanks(text);
	if (*text < '0' || *text > '9')
		return -1;
	for (; *text >= '0' && *text <= '9'; text++) {
		value = 10 * value + (*text - '0');
		if (value > most)
			return -1;
	}
	*ret_end = text;
	return value;
}

/* By hand, not by sscanf(): this is done for every process at every interval. */
static void parse_line(const char *line, struct process_status *status)
{
	static const char seccomp[] = "Seccomp:";
	const char *end;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		int64_t kib;

		if (*line != *lines[i].name || strncmp(line, lines[i].name, lines[i].length))
			continue;
		kib = parse_digits(line + lines[i].length, INT64_MAX / 1024, &end);
		if (kib >= 0 && !strncmp(skip_blanks(end), "kB", 2))
			*(int64_t *)((char *)status + lines[i].offset) = kib * 1024;
		return;
	}
	if (*line == *seccomp && !strncmp(line, seccomp, sizeof(seccomp) - 1))
		status->seccomp = (int)parse_digits(line + sizeof(seccomp) - 1, INT_MAX, &end);
}

int process_status_parse(const char *text, struct process_status *ret)
{
	struct process_status status = { UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, -1 };

	for (const char *line = text; *line; line += *line == '\n') {
		parse_line(line, &status);
		line = strchrnul(line, '\n');
	}
	if (!is_known(status.rss))
		return -ESRCH;
	*ret = status;
	return 0;
}

static int read_status(int dir_fd, const char *path, void *ret)
{
	char usual[USUAL_SIZE], *whole = NULL;
	ssize_t n = read_file_at(dir_fd, path, usual, sizeof(usual));
	int result;

	if (n == -EFBIG)
		n = read_whole_file_at(dir_fd, path, STATUS_MAX, &whole);
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	result = process_status_parse(whole ? whole : usual, ret);
	if (whole) /* with -c even a call of free() for nothing would trap */
		free(whole);
	return result;
}

int process_status_read(int proc_fd, pid_t pid, struct process_status *ret)
{
	char path[32];
	int result;

	snprintf(path, sizeof(path), "%d/status", pid);
	result = read_status(proc_fd, path, ret);
	return result == -ESRCH ? other_threads_read(proc_fd, pid, "status", read_status, ret) : result;
}
