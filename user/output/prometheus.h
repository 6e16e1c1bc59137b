/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A picture as metrics: Prometheus' text format 0.0.4 and OpenMetrics 1.0.0, which differ in how a family is announced and in the end.
 * docs/serve.md has the names. What is not known is absent. Writes to the stream, nothing else.
 */
#ifndef MEMGAP_OUTPUT_PROMETHEUS_H
#define MEMGAP_OUTPUT_PROMETHEUS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/store/store.h"

enum prometheus_format { PROMETHEUS_TEXT, PROMETHEUS_OPENMETRICS };

#define PROMETHEUS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define PROMETHEUS_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* What memgap says of itself. Seconds and bytes, UNKNOWN or NAN where not known. */
struct prometheus_self {
	const char *version;
	double cpu_s;
	int64_t resident, open_fds;
	int64_t intervals;                 /* over so far */
	double interval_s;                 /* as it was asked for */
	double late_s, latest_s, longest_s; /* by which intervals were longer than that: all together, the last one, the longest one */
	int64_t requests, dropped, connections;
};

struct prometheus_page {
	const struct picture *picture; /* NULL: no interval is over yet */
	size_t max_targets;            /* those that were seen first have their figures in it: they stay as others come and go */
	struct prometheus_self self;
};

/*
 * A target has each series once. When two have the same labels, as when a process has exited and another one has its pid already, the
 * one that was seen later has them.
 */
void prometheus_write(FILE *stream, enum prometheus_format format, const struct prometheus_page *source);

#endif
