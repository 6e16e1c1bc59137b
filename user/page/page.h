/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page that shows what memgap has seen, live or from a recording: one HTML file, with its styles, scripts and charting library in it,
 * made by user/page/build.sh from the files beside it. It asks its own server for /api/v1/ and nobody else for anything; where it has a
 * recording in it, it asks nobody.
 */
#ifndef MEMGAP_PAGE_PAGE_H
#define MEMGAP_PAGE_PAGE_H

#include <stddef.h>
#include <stdio.h>

/* Not terminated by a NUL. */
struct page_part {
	const char *text;
	size_t size;
};

/* The whole page, for the live view. */
struct page_part page_html(void);

/* The value of a header Content-Security-Policy for it: no script and no style but those that are in it. */
const char *page_csp(void);

/*
 * The page with a recording in it: json is one object (user/output/report.c), in which '<' may stand in strings. Errors are the stream's.
 */
void page_write_with(FILE *html, const char *json, size_t size);

#endif
