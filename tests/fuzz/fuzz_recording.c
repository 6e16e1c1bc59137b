// SPDX-License-Identifier: GPL-2.0-only
/* A recording that may be anything, to the page that is made of it: as it is, or compressed first, so that lies get past zstd's checks. */
#include "tests/fuzz/fuzz.h"

#include <zstd.h>

#include "user/base/line_reader.h"
#include "user/output/report.h"

#define COMPRESSED_MAX (1 << 20)

static int file;

static ssize_t swallow(void *data, const char *bytes, size_t size)
{
	(void)data, (void)bytes;
	return (ssize_t)size;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	file = memory_file();
	return 0;
}

enum { AS_IT_IS, IN_A_FRAME, IN_TWO_FRAMES, CUT, WAYS };

static size_t compress(const uint8_t *bytes, size_t size, uint8_t *ret, size_t room)
{
	size_t n = ZSTD_compress(ret, room, bytes, size, 1);

	return ZSTD_isError(n) ? 0 : n;
}

static void fill(unsigned int way, uint8_t where, const struct input *input)
{
	static uint8_t compressed[COMPRESSED_MAX];
	size_t first = way == IN_TWO_FRAMES ? input->left * where / 256 : input->left, n;

	if (way == AS_IT_IS) {
		memory_file_fill(file, input->at, input->left);
		return;
	}
	n = compress(input->at, first, compressed, sizeof(compressed));
	if (way == IN_TWO_FRAMES)
		n += compress(input->at + first, input->left - first, compressed + n, sizeof(compressed) - n);
	if (way == CUT)
		n = n * where / 256;
	memory_file_fill(file, compressed, n);
}

static void write_page(struct report *report, const struct report_facts *facts)
{
	FILE *page = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = swallow });

	assert_non_null(page);
	assert_int_equal(report_finish(report, facts, page), 0);
	fclose(page);
}

static void read_recording(struct line_reader *reader, struct report *report, bool write)
{
	struct report_facts facts = { .file = "fuzz" };
	const char *line;
	size_t length;

	while ((line = line_reader_next(reader, &length))) {
		assert_true(length <= LINE_BYTES_MAX && !line[length]);
		assert_int_equal(report_line(report, line, length), 0);
	}
	facts.cut = line_reader_end(reader) != LINES_COMPLETE;
	facts.lost_lines = line_reader_skipped(reader);
	if (write && !report_is_empty(report))
		write_page(report, &facts);
	else
		report_drop(report);
}

/* How it is wrapped, and whether a page is written, which takes ten times as long as all else; where it is cut; then its lines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	uint8_t choice = take8(&input);
	unsigned int way = choice % WAYS;
	struct line_reader *reader;
	struct report *report = report_begin();

	fill(way, way == AS_IT_IS ? 0 : take8(&input), &input);
	assert_non_null(report);
	assert_int_equal(line_reader_open(file, &reader), 0);
	read_recording(reader, report, choice & 0x80);
	line_reader_close(reader);
	return 0;
}
