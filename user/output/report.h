/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recording as a page of its own: memgap's JSON goes in line by line, one HTML file comes out that needs nothing else, with
 * the charts of the live page, all targets with their last verdicts, and all trims. What is held meanwhile is bounded, however long
 * the recording is and whatever its lines are: figures over time are thinned (of two neighbours the one with more rss stays, so that peaks
 * do), and of targets and trims beyond REPORT_TARGETS, REPORT_TRIMS and REPORT_BYTES is only known how many there were. The page says so.
 */
#ifndef MEMGAP_OUTPUT_REPORT_H
#define MEMGAP_OUTPUT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define REPORT_TARGETS 4096   /* the first */
#define REPORT_TRIMS 2000     /* the first */
#define REPORT_POINTS 60000   /* in the page, of all targets together: some MB */
#define REPORT_BYTES (16U << 20) /* of lines that are kept: each target's last and each trim, some 2 KB each when memgap wrote them */

struct report;

/* What whoever reads the recording knows of it. */
struct report_facts {
	const char *file;    /* its name, for the heading; NULL: it has none */
	bool cut;            /* it ends amidst: whoever wrote it was killed, or the disk was full */
	uint64_t lost_lines; /* that were known to be lost, by whoever wrote it or read it */
};

/* NULL: out of memory. */
struct report *report_begin(void);

/*
 * One line of memgap's JSON, schema 1, without a NUL and with or without its newline: snapshots and trims are kept, all else is counted
 * (what is JSON and has another meaning apart from what is no JSON). 0, or -ENOMEM: the line is missing.
 */
int report_line(struct report *report, const char *json_line, size_t length);

/* Lines so far: that were kept; of schema 1's JSON but of no meaning here; and others. */
struct report_counts {
	uint64_t kept, other, bad;
};
struct report_counts report_counts(const struct report *report);

/* There was no snapshot: report_finish() has no page to write. */
bool report_is_empty(const struct report *report);

/* Writes the page, and frees the report in any case. 0; or -ENODATA: it is empty, and nothing is written; or -errno of writing, -ENOMEM. */
int report_finish(struct report *report, const struct report_facts *facts, FILE *html);

/* Frees it without a page. NULL is allowed. */
void report_drop(struct report *report);

#endif
