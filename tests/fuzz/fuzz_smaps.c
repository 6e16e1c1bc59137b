// SPDX-License-Identifier: GPL-2.0-only
/* /proc/PID/smaps: anonymous memory that is not the heap's. */
#include "tests/fuzz/fuzz.h"

#include "user/heap/other.h"
#include "user/memory/lines.h"

static int file;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	file = memory_file();
	return 0;
}

/* Half of each range that begins at an odd page, all of every fourth one. */
static struct heap_part_of owned(const void *data, uint64_t start, uint64_t end)
{
	uint64_t bytes = start >> 12 & 1 ? (end - start) / 2 : start >> 12 & 2 ? end - start : 0;

	(void)data;
	return (struct heap_part_of){ bytes, bytes / 2 };
}

static int read_lines(struct lines *lines, struct other_parser *parser)
{
	const char *line;
	int result;

	while ((line = lines_next(lines, &result))) {
		assert_true(strlen(line) < LINE_MAX_BYTES);
		result = other_line(parser, line);
		if (result)
			return result;
	}
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lines lines;
	struct other_parser parser;
	struct other_view view;

	memory_file_fill(file, data, size);
	lines_open(&lines, file);
	other_begin(&parser, size & 1 ? owned : NULL, NULL);
	if (read_lines(&lines, &parser) || other_end(&parser, &view)) {
		other_free(&parser);
		return 0;
	}
	assert_true(view.file >= 0 && view.resident >= view.file && view.largest.resident <= view.resident);
	assert_true(memchr(view.largest.name, 0, OTHER_NAME_MAX) != NULL);
	return 0;
}
