// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/text_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

int text_stream_end(FILE *stream, char **text)
{
	bool failed = !stream || ferror(stream);

	if (stream)
		failed = fclose(stream) || failed || !*text;
	if (!failed)
		return 0;
	free(*text);
	*text = NULL;
	return -ENOMEM;
}
