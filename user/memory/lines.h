/* SPDX-License-Identifier: GPL-2.0-only */
/* A text of /proc read line by line, without ever holding all of it: maps and smaps may have tens of MiB. */
#ifndef MEMGAP_MEMORY_LINES_H
#define MEMGAP_MEMORY_LINES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes of a text that are read, of a line that are kept: a path may have 4096 bytes, and escapes make more of some. */
#define LINES_MAX_BYTES (64U << 20)
#define LINE_MAX_BYTES 16384

struct lines {
	int fd;
	size_t start, n; /* in buffer: where the next line starts, what was read */
	uint64_t total;
	char buffer[2 * LINE_MAX_BYTES];
};

void lines_open(struct lines *lines, int fd); /* the fd is the caller's */

/*
 * The next line, without its newline, until the next call; NULL at the end, with *ret 0, -EFBIG when a line or the text is
 * longer than it may be, or another -errno.
 */
const char *lines_next(struct lines *lines, int *ret);

#endif
