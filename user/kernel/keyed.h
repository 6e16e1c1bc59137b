/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Texts of one figure a line, behind its name: "anon 4096" (a flat keyed file, cgroup-v2.rst), "Rss:  12 kB" (smaps_rollup).
 */
#ifndef MEMGAP_KERNEL_KEYED_H
#define MEMGAP_KERNEL_KEYED_H

#include <stddef.h>
#include <stdint.h>

/* A line's name with what ends it ("anon ", "Rss:"), and where in the record its figure goes. */
struct keyed_field {
	const char *key;
	size_t length, offset;
};

#define KEYED_FIELD(record, member, key) { key, sizeof(key) - 1, offsetof(record, member) }

/*
 * Each field's int64_t in the record: the first line with its key that holds a figure, or UNKNOWN. A figure is blanks,
 * digits, unit ("" or " kB") and the line's end: one without it may be cut. Times factor it is at most INT64_MAX.
 */
void keyed_parse(const char *text, const struct keyed_field *fields, size_t n, const char *unit, int64_t factor,
		 void *record);

/* The decimal digits that text begins with; *ret_end is what follows. UNKNOWN when there are none, or above most. */
int64_t digits_parse(const char *text, int64_t most, const char **ret_end);

#endif
