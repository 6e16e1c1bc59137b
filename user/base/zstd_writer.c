// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/zstd_writer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>
#include <zstd.h>

/* The library's default level; a window of 512 KiB keeps memgap small, and what repeats itself does so within an interval or two. */
#define LEVEL 3
#define WINDOW_LOG 19
/* A frame ends with a checksum of what is in it: damage is noticed after so much text at the latest. */
#define FRAME_BYTES (4U << 20)
#define BUFFER_BYTES (64U << 10)

struct zstd_writer {
	FILE *stream;
	ZSTD_CCtx *context;
	int fd;
	int error;      /* the first -errno, or 0 */
	size_t in_frame; /* bytes of text */
	char text[BUFFER_BYTES]; /* the stream's own buffer */
	char packed[BUFFER_BYTES];
};

static void put(struct zstd_writer *writer, const char *bytes, size_t n)
{
	while (n && !writer->error) {
		ssize_t written = write(writer->fd, bytes, n);

		if (written > 0) {
			bytes += written;
			n -= (size_t)written;
		} else if (!written || errno != EINTR) {
			writer->error = written ? -errno : -ENOSPC;
		}
	}
}

/* Compresses, and as far as `how` demands brings it all into the file. */
static void pack(struct zstd_writer *writer, const char *text, size_t n, ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = { text, n, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { writer->packed, sizeof(writer->packed), 0 };

		left = ZSTD_compressStream2(writer->context, &out, &in, how);
		if (ZSTD_isError(left)) {
			writer->error = -ENOMEM; /* what else can fail here */
			return;
		}
		put(writer, writer->packed, out.pos);
	} while (!writer->error && (how == ZSTD_e_continue ? in.pos < in.size : left > 0));
}

static ssize_t write_cookie(void *cookie, const char *text, size_t n)
{
	struct zstd_writer *writer = cookie;

	if (!writer->error)
		pack(writer, text, n, ZSTD_e_continue);
	writer->in_frame += n;
	return (ssize_t)n; /* the error is told by zstd_writer_flush() */
}

int zstd_writer_open(int fd, struct zstd_writer **ret)
{
	struct zstd_writer *writer = calloc(1, sizeof(*writer));
	bool complete;

	if (!writer)
		return -ENOMEM;
	writer->fd = fd;
	writer->context = ZSTD_createCCtx();
	complete = writer->context && !ZSTD_isError(ZSTD_CCtx_setParameter(writer->context, ZSTD_c_compressionLevel, LEVEL)) &&
		   !ZSTD_isError(ZSTD_CCtx_setParameter(writer->context, ZSTD_c_windowLog, WINDOW_LOG)) &&
		   !ZSTD_isError(ZSTD_CCtx_setParameter(writer->context, ZSTD_c_checksumFlag, 1));
	writer->stream = complete ? fopencookie(writer, "w", (cookie_io_functions_t){ .write = write_cookie }) : NULL;
	if (!writer->stream) {
		ZSTD_freeCCtx(writer->context);
		free(writer);
		return -ENOMEM;
	}
	setvbuf(writer->stream, writer->text, _IOFBF, sizeof(writer->text));
	*ret = writer;
	return 0;
}

FILE *zstd_writer_stream(struct zstd_writer *writer)
{
	return writer->stream;
}

int zstd_writer_flush(struct zstd_writer *writer)
{
	bool ends;

	fflush(writer->stream);
	ends = writer->in_frame >= FRAME_BYTES;
	if (writer->in_frame && !writer->error)
		pack(writer, NULL, 0, ends ? ZSTD_e_end : ZSTD_e_flush);
	if (ends)
		writer->in_frame = 0;
	return writer->error;
}

int zstd_writer_close(struct zstd_writer *writer)
{
	int error;

	if (!writer)
		return 0;
	fclose(writer->stream);
	if (writer->in_frame && !writer->error)
		pack(writer, NULL, 0, ZSTD_e_end);
	error = writer->error;
	ZSTD_freeCCtx(writer->context);
	free(writer);
	return error;
}
