// SPDX-License-Identifier: GPL-2.0-only
#include "user/output/json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/units.h"
#include "user/gap/snapshot.h"

/* What may not stand in a string as it is: '"', '\' and what is below a space. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

static void write_escaped(FILE *stream, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *found = strchr(from, c);

	if (found)
		fprintf(stream, "\\%c", to[found - from]);
	else
		fprintf(stream, "\\u%04X", c);
}

static void write_string(FILE *stream, const char *value)
{
	putc('"', stream);
	while (*value) {
		size_t plain = 0;

		while (value[plain] && is_plain((unsigned char)value[plain]))
			plain++;
		fwrite(value, 1, plain, stream);
		value += plain;
		if (*value)
			write_escaped(stream, (unsigned char)*value++);
	}
	putc('"', stream);
}

/* What stands before a value. */
static void begin(struct json_writer *writer, const char *key)
{
	if (writer->follows)
		putc(',', writer->stream);
	writer->follows = true;
	if (!key)
		return;
	write_string(writer->stream, key);
	putc(':', writer->stream);
}

static void open_with(struct json_writer *writer, const char *key, char bracket)
{
	begin(writer, key);
	putc(bracket, writer->stream);
	writer->follows = false;
}

static void close_with(struct json_writer *writer, char bracket)
{
	putc(bracket, writer->stream);
	writer->follows = true;
}

void writer_open_object(struct json_writer *writer, const char *key)
{
	open_with(writer, key, '{');
}

void writer_close_object(struct json_writer *writer)
{
	close_with(writer, '}');
}

void writer_open_list(struct json_writer *writer, const char *key)
{
	open_with(writer, key, '[');
}

void writer_close_list(struct json_writer *writer)
{
	close_with(writer, ']');
}

void writer_null(struct json_writer *writer, const char *key)
{
	begin(writer, key);
	fputs("null", writer->stream);
}

void writer_boolean(struct json_writer *writer, const char *key, bool value)
{
	begin(writer, key);
	fputs(value ? "true" : "false", writer->stream);
}

void writer_number(struct json_writer *writer, const char *key, int64_t value)
{
	if (!is_known(value)) {
		writer_null(writer, key);
		return;
	}
	begin(writer, key);
	fprintf(writer->stream, "%" PRId64, value);
}

void writer_real(struct json_writer *writer, const char *key, double value, int decimals)
{
	double factor = pow(10, decimals);
	char text[32];

	if (!isfinite(value)) {
		writer_null(writer, key);
		return;
	}
	begin(writer, key);
	/* as many digits as a double has for certain (DBL_DIG): the shortest text for what was rounded */
	snprintf(text, sizeof(text), "%.15g", round(value * factor) / factor);
	fputs(text, writer->stream);
	if (!strpbrk(text, ".e"))
		fputs(".0", writer->stream); /* a reader that tells the two apart is to see that it is a real */
}

void writer_text(struct json_writer *writer, const char *key, const char *value)
{
	char clean[TARGET_PATH_MAX];

	begin(writer, key);
	if (!text_is_utf8(value)) {
		snprintf(clean, sizeof(clean), "%s", value);
		value = text_make_printable(clean);
	}
	write_string(writer->stream, value);
}

void writer_text_or_null(struct json_writer *writer, const char *key, const char *value)
{
	if (*value)
		writer_text(writer, key, value);
	else
		writer_null(writer, key);
}
