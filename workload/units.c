/* SPDX-License-Identifier: GPL-2.0-only */
#include "workload/units.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "workload/clock.h"

struct unit {
	const char *suffix; /* NULL ends a table */
	uint64_t factor;
};

#define LONGEST_DURATION_NS (24 * 3600 * NS_PER_S)

static const struct unit counts[] = { { "", 1 }, { NULL, 0 } };

static const struct unit sizes[] = {
	{ "", 1 },           { "B", 1 },           { "KiB", 1 << 10 }, { "MiB", 1 << 20 },
	{ "GiB", 1 << 30 }, { "TiB", 1LL << 40 }, { NULL, 0 },
};

static const struct unit durations[] = {
	{ "ms", NS_PER_S / 1000 }, { "s", NS_PER_S }, { "m", 60 * NS_PER_S }, { "h", 3600 * NS_PER_S }, { NULL, 0 },
};

/* Digits, then one of the suffixes, nothing before, between or after; the value is from 1 to max. */
static int parse_quantity(const char *text, const struct unit *units, uint64_t max, uint64_t *ret_value)
{
	unsigned long long number;
	uint64_t value;
	char *end;

	/* strtoull() would take a sign or a space */
	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	for (; units->suffix; units++) {
		if (strcmp(end, units->suffix))
			continue;
		if (__builtin_mul_overflow(number, units->factor, &value) || value < 1 || value > max)
			return -EINVAL;
		*ret_value = value;
		return 0;
	}
	return -EINVAL;
}

int parse_size(const char *text, size_t *ret_bytes)
{
	uint64_t bytes;

	/* malloc() refuses more than PTRDIFF_MAX */
	if (parse_quantity(text, sizes, PTRDIFF_MAX, &bytes))
		return -EINVAL;
	*ret_bytes = (size_t)bytes;
	return 0;
}

int parse_duration(const char *text, uint64_t *ret_ns)
{
	return parse_quantity(text, durations, LONGEST_DURATION_NS, ret_ns);
}

int parse_count(const char *text, uint64_t max, uint64_t *ret_count)
{
	return parse_quantity(text, counts, max, ret_count);
}
