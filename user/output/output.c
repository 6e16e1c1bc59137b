// SPDX-License-Identifier: GPL-2.0-only
#include "user/output/output.h"

#include <string.h>

#include "user/base/text.h"

void output_snapshot(struct output *output, const struct snapshot *snapshot)
{
	output->format->snapshot(output, snapshot);
}

void output_interval(struct output *output)
{
	if (output->format->interval)
		output->format->interval(output);
}

void output_trim_triggered(struct output *output, const struct trim_event *event)
{
	output->format->trim_triggered(output, event);
}

void output_trim_ended(struct output *output, const struct trim_event *event)
{
	output->format->trim_ended(output, event);
}

void output_trim_regrown(struct output *output, const struct trim_regrowth *regrowth)
{
	output->format->trim_regrown(output, regrowth);
}

void output_close(struct output *output)
{
	table_free(&output->table);
}

const struct output_format *output_format_by_name(const char *name)
{
	static const struct output_format *const formats[] = { &output_line, &output_table, &output_json };

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

#define ID_DIGITS 64
#define ID_DIGITS_SHOWN 12

/* Copies a path, with container ids cut short. */
static void copy_path(char *buffer, size_t size, const char *path)
{
	size_t n = 0;

	while (*path && n + 1 < size) {
		size_t digits = strspn(path, "0123456789abcdef");
		size_t copied = digits == ID_DIGITS ? ID_DIGITS_SHOWN : digits ? digits : 1;

		if (copied > size - 1 - n)
			copied = size - 1 - n;
		memcpy(buffer + n, path, copied);
		n += copied;
		path += digits ? digits : 1;
	}
	buffer[n] = '\0';
}

const char *format_cgroup(char *buffer, size_t size, const char *path)
{
	copy_path(buffer, size, path);
	return text_make_printable(buffer);
}

const char *format_target(char *buffer, size_t size, const struct target_name *target)
{
	if (target->kind == TARGET_CGROUP)
		return format_cgroup(buffer, size, target->cgroup);
	snprintf(buffer, size, "%s[%d]", target->comm, target->pid);
	return text_make_printable(buffer);
}
