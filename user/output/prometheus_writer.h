/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The syntax of both formats: prometheus.io/docs/instrumenting/exposition_formats and OpenMetrics 1.0.0. A family is begun, then has
 * all its samples; one without samples is not announced.
 */
#ifndef MEMGAP_OUTPUT_PROMETHEUS_WRITER_H
#define MEMGAP_OUTPUT_PROMETHEUS_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "user/output/prometheus.h"

enum prometheus_type { PROMETHEUS_GAUGE, PROMETHEUS_COUNTER, PROMETHEUS_INFO };

struct prometheus_family {
	const char *name; /* with its unit, without "_total" and "_info" */
	enum prometheus_type type;
	const char *unit; /* "bytes", as the name ends; NULL: none */
	const char *help;
};

struct prometheus_writer {
	FILE *stream;
	enum prometheus_format format;
	const struct prometheus_family *family;
	bool announced;
};

void prometheus_begin(struct prometheus_writer *writer, const struct prometheus_family *family);

/* labels: `a="b",c="d"`, "" for none, as prometheus_label() writes them; more: likewise, after them. What is UNKNOWN, or NAN, is left out. */
void prometheus_number(struct prometheus_writer *writer, const char *labels, const char *more, int64_t value);
void prometheus_real(struct prometheus_writer *writer, const char *labels, const char *more, double value);

/* name="value", escaped, after a comma unless it is the first one; nothing when the value is "". */
void prometheus_label(FILE *stream, bool *first, const char *name, const char *value);

/* Nothing comes after it. */
void prometheus_end(struct prometheus_writer *writer);

#endif
