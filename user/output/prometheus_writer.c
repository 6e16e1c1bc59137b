// SPDX-License-Identifier: GPL-2.0-only
#include "user/output/prometheus_writer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "user/base/units.h"

void prometheus_begin(struct prometheus_writer *writer, const struct prometheus_family *family)
{
	writer->family = family;
	writer->announced = false;
}

static const char *suffix_of(const struct prometheus_family *family)
{
	return family->type == PROMETHEUS_COUNTER ? "_total" : family->type == PROMETHEUS_INFO ? "_info" : "";
}

static const char *type_of(const struct prometheus_writer *writer)
{
	if (writer->family->type == PROMETHEUS_COUNTER)
		return "counter";
	/* the text format has no such type */
	return writer->family->type == PROMETHEUS_INFO && writer->format == PROMETHEUS_OPENMETRICS ? "info" : "gauge";
}

/* OpenMetrics names the family, the text format its samples. */
static void announce(struct prometheus_writer *writer)
{
	const struct prometheus_family *family = writer->family;
	const char *suffix = writer->format == PROMETHEUS_TEXT ? suffix_of(family) : "";

	if (writer->announced)
		return;
	writer->announced = true;
	fprintf(writer->stream, "# HELP %s%s %s\n# TYPE %s%s %s\n", family->name, suffix, family->help, family->name, suffix, type_of(writer));
	if (writer->format == PROMETHEUS_OPENMETRICS && family->unit)
		fprintf(writer->stream, "# UNIT %s %s\n", family->name, family->unit);
}

/* Of 1,000 targets there are 50,000 of them: no printf(). */
static void start_sample(struct prometheus_writer *writer, const char *labels, const char *more)
{
	FILE *stream = writer->stream;

	announce(writer);
	fputs_unlocked(writer->family->name, stream);
	fputs_unlocked(suffix_of(writer->family), stream);
	if (*labels || *more) {
		putc_unlocked('{', stream);
		fputs_unlocked(labels, stream);
		if (*labels && *more)
			putc_unlocked(',', stream);
		fputs_unlocked(more, stream);
		putc_unlocked('}', stream);
	}
	putc_unlocked(' ', stream);
}

static void write_digits(FILE *stream, int64_t value)
{
	char digits[24], *at = digits + sizeof(digits) - 1;
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

	*at = '\0';
	do
		*--at = (char)('0' + rest % 10);
	while (rest /= 10);
	if (value < 0)
		*--at = '-';
	fputs_unlocked(at, stream);
}

void prometheus_number(struct prometheus_writer *writer, const char *labels, const char *more, int64_t value)
{
	if (!is_known(value))
		return;
	start_sample(writer, labels, more);
	write_digits(writer->stream, value);
	putc_unlocked('\n', writer->stream);
}

void prometheus_real(struct prometheus_writer *writer, const char *labels, const char *more, double value)
{
	if (isnan(value))
		return;
	start_sample(writer, labels, more);
	if (isinf(value))
		fputs_unlocked(value < 0 ? "-Inf" : "+Inf", writer->stream);
	else
		fprintf(writer->stream, "%.9g", value);
	putc_unlocked('\n', writer->stream);
}

/* The same three in both formats. */
static void write_escaped(FILE *stream, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			putc_unlocked('\\', stream);
		if (*value == '\n')
			fputs_unlocked("\\n", stream);
		else
			putc_unlocked(*value, stream);
	}
}

void prometheus_label(FILE *stream, bool *first, const char *name, const char *value)
{
	if (!*value)
		return;
	if (!*first)
		putc_unlocked(',', stream);
	*first = false;
	fputs_unlocked(name, stream);
	fputs_unlocked("=\"", stream);
	write_escaped(stream, value);
	putc_unlocked('"', stream);
}

void prometheus_end(struct prometheus_writer *writer)
{
	if (writer->format == PROMETHEUS_OPENMETRICS)
		fputs_unlocked("# EOF\n", writer->stream);
}
