// SPDX-License-Identifier: GPL-2.0-only
#include "user/memory/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void lines_open(struct lines *lines, int fd)
{
	lines->fd = fd;
	lines->start = lines->n = 0;
	lines->total = 0;
}

/* Makes room, and reads on. The number of bytes, or -errno. */
static ssize_t read_on(struct lines *lines)
{
	ssize_t n;

	memmove(lines->buffer, lines->buffer + lines->start, lines->n - lines->start);
	lines->n -= lines->start;
	lines->start = 0;
	if (lines->n == sizeof(lines->buffer) - 1 || lines->total > LINES_MAX_BYTES)
		return -EFBIG;
	n = read(lines->fd, lines->buffer + lines->n, sizeof(lines->buffer) - 1 - lines->n);
	if (n < 0)
		return -errno;
	lines->n += (size_t)n;
	lines->total += (uint64_t)n;
	return n;
}

const char *lines_next(struct lines *lines, int *ret)
{
	*ret = 0;
	for (;;) {
		char *line = lines->buffer + lines->start;
		char *end = memchr(line, '\n', lines->n - lines->start);
		ssize_t n;

		if (end) {
			*end = '\0';
			lines->start = (size_t)(end + 1 - lines->buffer);
			return line;
		}
		n = read_on(lines);
		if (n <= 0) {
			*ret = (int)n;
			return NULL;
		}
	}
}
