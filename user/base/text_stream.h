/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A text that is written as a stream. Unlike open_memstream(3) it tells when there was no memory for a part of it: glibc's goes on without that
 * part once there is some again, and neither ferror() nor fclose() says so (libio/strops.c, _IO_str_overflow(); libio/memstream.c, _IO_mem_finish()).
 */
#ifndef MEMGAP_BASE_TEXT_STREAM_H
#define MEMGAP_BASE_TEXT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* It stays where it is from text_stream_open() to text_stream_end(). */
struct text_stream {
	FILE *stream;
	char *text;
	size_t size, room;
	bool failed;
};

/* 0 or -ENOMEM. */
int text_stream_open(struct text_stream *texts);

/*
 * 0: *ret_text is all that was written, with a NUL after it, the caller's to free; ret_size: its bytes without that, may be NULL. -ENOMEM: *ret_text is NULL.
 */
int text_stream_end(struct text_stream *texts, char **ret_text, size_t *ret_size);

#endif
