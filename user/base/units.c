// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *suffix;
	int64_t factor;
};

static const struct unit sizes[] = {
	{ "", 1 }, { "B", 1 }, { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { "TiB", 1LL << 40 },
};

static const struct unit durations[] = {
	{ "ms", 1000000 }, { "s", 1000000000 }, { "m", 60 * 1000000000LL }, { "h", 3600 * 1000000000LL },
};

#define LONGEST_DURATION_NS (24 * 3600 * 1000000000LL)

int64_t known_add(int64_t a, int64_t b)
{
	int64_t sum;

	return is_known(a) && is_known(b) && !__builtin_add_overflow(a, b, &sum) ? sum : UNKNOWN;
}

int64_t known_sub(int64_t a, int64_t b)
{
	int64_t difference;

	return is_known(a) && is_known(b) && !__builtin_sub_overflow(a, b, &difference) ? difference : UNKNOWN;
}

/* Digits, then one of the suffixes, nothing before, between or after. */
static int parse_quantity(const char *text, const struct unit *units, size_t n, int64_t *ret_value)
{
	char *end;
	long long number;
	int64_t value;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(end, units[i].suffix))
			continue;
		if (__builtin_mul_overflow(number, units[i].factor, &value))
			return -EINVAL;
		*ret_value = value;
		return 0;
	}
	return -EINVAL;
}

int parse_size(const char *text, int64_t *ret_bytes)
{
	return parse_quantity(text, sizes, sizeof(sizes) / sizeof(sizes[0]), ret_bytes);
}

int parse_duration(const char *text, uint64_t *ret_ns)
{
	int64_t ns;

	if (parse_quantity(text, durations, sizeof(durations) / sizeof(durations[0]), &ns))
		return -EINVAL;
	if (ns < 1 || ns > LONGEST_DURATION_NS)
		return -EINVAL;
	*ret_ns = (uint64_t)ns;
	return 0;
}

int parse_count(const char *text, int64_t max, int64_t *ret_count)
{
	static const struct unit none[] = { { "", 1 } };
	int64_t count;

	if (parse_quantity(text, none, 1, &count) || count < 1 || count > max)
		return -EINVAL;
	*ret_count = count;
	return 0;
}

int parse_share(const char *text, double *ret_part)
{
	size_t whole = strspn(text, "0123456789"), part = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
	const char *end = text + whole + (part ? part + 1 : 0);
	double percent;

	/* strtod() would take signs, exponents and infinity, and a comma where the locale has one */
	if (!whole || whole + part > 15 || (strcmp(end, "%") && *end))
		return -EINVAL;
	percent = (double)strtoull(text, NULL, 10);
	for (size_t i = part; i; i--)
		percent += (text[whole + i] - '0') / pow(10, (double)i);
	if (percent <= 0 || percent > 100)
		return -EINVAL;
	*ret_part = percent / 100;
	return 0;
}

const char *format_bytes(char buffer[BYTES_TEXT_MAX], int64_t bytes)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	size_t unit = 0;

	if (!is_known(bytes))
		return strcpy(buffer, "-");
	/* 1023.5 would be rounded to 1024 */
	while ((value >= 1023.5 || value <= -1023.5) && unit + 1 < sizeof(names) / sizeof(names[0])) {
		value /= 1024;
		unit++;
	}
	/* a decimal only where it says something: 1.5 MiB, but 10 MiB and 30 MiB */
	if (unit && value > -9.95 && value < 9.95 && value != (double)(int64_t)value)
		snprintf(buffer, BYTES_TEXT_MAX, "%.1f %s", value, names[unit]);
	else
		snprintf(buffer, BYTES_TEXT_MAX, "%.0f %s", value, names[unit]);
	return buffer;
}
