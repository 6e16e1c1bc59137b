// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/line_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define WINDOW_LOG_MAX 23
#define BUFFER_BYTES (128U << 10)
/* RFC 8878, 3.1.1: little endian */
static const unsigned char magic[] = { 0x28, 0xb5, 0x2f, 0xfd };

struct line_reader {
	int fd;
	ZSTD_DCtx *context; /* NULL: plain text */
	bool begun, over;
	size_t expected; /* by the decoder: 0 at the end of a frame */
	enum line_end end;
	int error;
	uint64_t skipped;
	ZSTD_inBuffer in;
	size_t from, to; /* of what is unread in text */
	size_t length;   /* of the line */
	bool too_long;
	char packed[BUFFER_BYTES];
	char text[BUFFER_BYTES];
	char line[LINE_BYTES_MAX + 1];
};

int line_reader_open(int fd, struct line_reader **ret)
{
	struct line_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	reader->fd = fd;
	*ret = reader;
	return 0;
}

void line_reader_close(struct line_reader *reader)
{
	if (!reader)
		return;
	ZSTD_freeDCtx(reader->context);
	free(reader);
}

static bool stop(struct line_reader *reader, enum line_end end, int error)
{
	reader->over = true;
	reader->end = end;
	reader->error = error;
	return false;
}

/* Up to n bytes, less only at the end; false: it failed. */
static bool get(struct line_reader *reader, char *buffer, size_t n, size_t *ret_n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t result = read(reader->fd, buffer + got, n - got);

		if (result < 0 && errno == EINTR)
			continue;
		if (result < 0)
			return stop(reader, LINES_FAILED, -errno);
		if (!result)
			break;
		got += (size_t)result;
	}
	*ret_n = got;
	return true;
}

/* The first bytes say what it is. */
static bool begin(struct line_reader *reader)
{
	reader->begun = true;
	if (!get(reader, reader->packed, sizeof(reader->packed), &reader->in.size))
		return false;
	reader->in.src = reader->packed;
	if (reader->in.size < sizeof(magic) || memcmp(reader->packed, magic, sizeof(magic)) != 0)
		return true;
	reader->context = ZSTD_createDCtx();
	if (!reader->context || ZSTD_isError(ZSTD_DCtx_setParameter(reader->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
		return stop(reader, LINES_FAILED, -ENOMEM);
	return true;
}

static bool unpack(struct line_reader *reader)
{
	ZSTD_outBuffer out = { reader->text, sizeof(reader->text), 0 };

	reader->expected = ZSTD_decompressStream(reader->context, &out, &reader->in);
	reader->from = 0;
	reader->to = out.pos;
	if (!ZSTD_isError(reader->expected))
		return true;
	/* what came before is good */
	stop(reader, LINES_DAMAGED, 0);
	return out.pos > 0;
}

/* More text, perhaps none yet; false: there is no more. */
static bool fill(struct line_reader *reader)
{
	bool had_room = reader->to < sizeof(reader->text);

	if (reader->over || (!reader->begun && !begin(reader)))
		return false;
	if (reader->in.pos == reader->in.size && (!reader->context || had_room)) {
		reader->in.pos = 0;
		if (!get(reader, reader->packed, sizeof(reader->packed), &reader->in.size))
			return false;
		if (!reader->in.size)
			return stop(reader, reader->context && reader->expected ? LINES_CUT : LINES_COMPLETE, 0);
	}
	if (reader->context)
		return unpack(reader);
	memcpy(reader->text, reader->packed, reader->in.size);
	reader->from = 0;
	reader->to = reader->in.size;
	reader->in.pos = reader->in.size;
	return true;
}

/* Adds to the line what there is of it; true: its end was there. */
static bool take(struct line_reader *reader)
{
	const char *text = reader->text + reader->from;
	const char *newline = memchr(text, '\n', reader->to - reader->from);
	size_t n = newline ? (size_t)(newline - text) : reader->to - reader->from;

	if (n > LINE_BYTES_MAX - reader->length)
		reader->too_long = true;
	if (!reader->too_long) {
		memcpy(reader->line + reader->length, text, n);
		reader->length += n;
	}
	reader->from += n + (newline != NULL);
	return newline != NULL;
}

const char *line_reader_next(struct line_reader *reader, size_t *ret_length)
{
	reader->length = 0;
	reader->too_long = false;
	for (;;) {
		if (reader->from == reader->to) {
			if (fill(reader))
				continue;
			break;
		}
		if (!take(reader))
			continue;
		if (!reader->too_long) {
			reader->line[reader->length] = '\0';
			*ret_length = reader->length;
			return reader->line;
		}
		reader->skipped++;
		reader->length = 0;
		reader->too_long = false;
	}
	if ((reader->length || reader->too_long) && reader->end == LINES_COMPLETE)
		reader->end = LINES_CUT;
	return NULL;
}

enum line_end line_reader_end(const struct line_reader *reader)
{
	return reader->end;
}

int line_reader_error(const struct line_reader *reader)
{
	return reader->error;
}

uint64_t line_reader_skipped(const struct line_reader *reader)
{
	return reader->skipped;
}
