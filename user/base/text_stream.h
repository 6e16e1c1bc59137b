/* SPDX-License-Identifier: GPL-2.0-only */
/* A text that is written as a stream: open_memstream(3). */
#ifndef MEMGAP_BASE_TEXT_STREAM_H
#define MEMGAP_BASE_TEXT_STREAM_H

#include <stdio.h>

/*
 * Closes the stream; NULL: it could not be opened. 0: *text is all that was written to it, the caller's to free. -ENOMEM: it is NULL.
 * glibc's fclose() alone says nothing when it has no memory for the text (libio/memstream.c, _IO_mem_finish()).
 */
int text_stream_end(FILE *stream, char **text);

#endif
