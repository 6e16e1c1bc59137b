/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables as they are printed. After tests/unit/helpers.h. */
#ifndef MEMGAP_TESTS_UNIT_TABLE_PAGE_H
#define MEMGAP_TESTS_UNIT_TABLE_PAGE_H

#include <locale.h>

#include "tests/unit/data.h"
#include "user/base/text.h"

/* A table, or several, as they are printed. */
struct page {
	struct capture capture;
	struct output output;
};

static inline void begin(struct page *page, int columns, bool colour)
{
	capture_start(&page->capture);
	page->output = (struct output){ .format = &output_table, .stream = page->capture.stream, .terminal = { columns, colour } };
}

static inline char *end(struct page *page)
{
	output_interval(&page->output);
	assert_int_equal(page->output.error, 0);
	output_close(&page->output);
	return capture_end(&page->capture);
}

static inline void assert_page(struct page *page, const char *expected)
{
	char *text = end(page);

	assert_string_equal(text, expected);
	free(text);
}

static inline void assert_tables(const struct snapshot *snapshots, size_t n, int columns, const char *expected)
{
	struct page page;

	begin(&page, columns, false);
	for (size_t i = 0; i < n; i++)
		output_snapshot(&page.output, &snapshots[i]);
	assert_page(&page, expected);
}

/* Processes that only differ in this; ALLOC, ... of a snapshot that knows nothing but names. */
static inline struct snapshot blank(const char *comm)
{
	struct snapshot snapshot;

	snapshot_init(&snapshot);
	snapshot.target.kind = TARGET_PROCESS;
	snapshot.target.pid = 1;
	strcpy(snapshot.target.comm, comm);
	return snapshot;
}

static inline int take_utf8(void **state)
{
	(void)state;
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

#endif
