// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/keyed.h"

#include <string.h>

#include "user/base/units.h"

/* By hand, not by strtoll(): this is done for every process and cgroup at every interval, and takes no sign. */
int64_t digits_parse(const char *text, int64_t most, const char **ret_end)
{
	int64_t value = 0;

	if (*text < '0' || *text > '9')
		return UNKNOWN;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *text - '0', &value) || value > most)
			return UNKNOWN;
	*ret_end = text;
	return value;
}

/* The figure of a line, from behind its key on. */
static int64_t parse_figure(const char *text, const char *unit, int64_t factor)
{
	const char *end;
	int64_t value = digits_parse(text + strspn(text, " \t"), INT64_MAX / factor, &end);
	size_t length = strlen(unit);

	return !is_known(value) || strncmp(end, unit, length) || end[length] != '\n' ? UNKNOWN : value * factor;
}

void keyed_parse(const char *text, const struct keyed_field *fields, size_t n, const char *unit, int64_t factor,
		 void *record)
{
	for (size_t i = 0; i < n; i++)
		*(int64_t *)((char *)record + fields[i].offset) = UNKNOWN;
	for (const char *line = text; *line; line += *line == '\n') {
		for (size_t i = 0; i < n; i++) {
			int64_t *figure = (int64_t *)((char *)record + fields[i].offset);

			if (*line == *fields[i].key && !is_known(*figure) && !strncmp(line, fields[i].key, fields[i].length))
				*figure = parse_figure(line + fields[i].length, unit, factor);
		}
		line = strchrnul(line, '\n');
	}
}
