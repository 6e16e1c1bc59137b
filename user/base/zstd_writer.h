/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text to a file of zstd frames (RFC 8878), so that whatever ends the writer, or the file, in the middle, all that was flushed
 * before can be read.
 */
#ifndef MEMGAP_BASE_ZSTD_WRITER_H
#define MEMGAP_BASE_ZSTD_WRITER_H

#include <stdio.h>

struct zstd_writer;

/* To fd, which stays the caller's. 0 or -ENOMEM. */
int zstd_writer_open(int fd, struct zstd_writer **ret);

/* Where the text goes; the writer's. */
FILE *zstd_writer_stream(struct zstd_writer *writer);

/*
 * What was written so far is in the file, as far as the kernel is concerned. 0, or the first -errno there was, now or before:
 * from that on nothing is written any more.
 */
int zstd_writer_flush(struct zstd_writer *writer);

/* Ends the file, frees the writer; NULL is nothing. 0, or as zstd_writer_flush(). */
int zstd_writer_close(struct zstd_writer *writer);

#endif
