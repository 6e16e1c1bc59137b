// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/text_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 4096

/* With a byte for the NUL. */
static bool make_room(struct text_stream *texts, size_t more)
{
	size_t room = texts->room ? texts->room : FIRST_ROOM;
	char *text;

	while (room - texts->size <= more)
		room *= 2;
	if (room == texts->room)
		return true;
	text = realloc(texts->text, room);
	if (!text)
		return false;
	texts->text = text;
	texts->room = room;
	return true;
}

static ssize_t write_cookie(void *cookie, const char *part, size_t n)
{
	struct text_stream *texts = cookie;

	texts->failed = texts->failed || !make_room(texts, n);
	if (texts->failed) {
		errno = ENOMEM;
		return 0; /* an error, fopencookie(3) */
	}
	memcpy(texts->text + texts->size, part, n);
	texts->size += n;
	return (ssize_t)n;
}

int text_stream_open(struct text_stream *texts)
{
	*texts = (struct text_stream){ .failed = false };
	texts->stream = fopencookie(texts, "w", (cookie_io_functions_t){ .write = write_cookie });
	return texts->stream ? 0 : -ENOMEM;
}

int text_stream_end(struct text_stream *texts, char **ret_text, size_t *ret_size)
{
	bool failed = fclose(texts->stream) || texts->failed || !make_room(texts, 0);

	*ret_text = NULL;
	if (failed) {
		free(texts->text);
		return -ENOMEM;
	}
	texts->text[texts->size] = '\0';
	*ret_text = texts->text;
	if (ret_size)
		*ret_size = texts->size;
	return 0;
}
