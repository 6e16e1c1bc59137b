/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of a file that is text, or text in zstd frames (RFC 8878). It may be anything: cut, damaged, made to do harm. What is kept
 * of it is bounded: a line, and a window of 8 MiB.
 */
#ifndef MEMGAP_BASE_LINE_READER_H
#define MEMGAP_BASE_LINE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_BYTES_MAX (1U << 20) /* a longer one is left out, and counted */

struct line_reader;

/* From fd, which stays the caller's and need not be a file. 0 or -ENOMEM. */
int line_reader_open(int fd, struct line_reader **ret);
void line_reader_close(struct line_reader *reader);

/* How it ended. */
enum line_end {
	LINES_COMPLETE,
	LINES_CUT,     /* in the middle of a line, or of a frame */
	LINES_DAMAGED, /* no zstd from there on, or its checksum is wrong */
	LINES_FAILED,  /* could not be read: line_reader_error() */
};

/*
 * The next line without its end, NUL-terminated, good until the next call; NULL: there are no more. A last line that is cut is left
 * out.
 */
const char *line_reader_next(struct line_reader *reader, size_t *ret_length);

/* After the last line. */
enum line_end line_reader_end(const struct line_reader *reader);
int line_reader_error(const struct line_reader *reader); /* -errno */
/* Lines that were too long. */
uint64_t line_reader_skipped(const struct line_reader *reader);

#endif
