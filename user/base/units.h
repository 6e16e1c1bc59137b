/* SPDX-License-Identifier: GPL-2.0-only */
/* Quantities as people write and read them, and the one value that means "not known". */
#ifndef MEMGAP_BASE_UNITS_H
#define MEMGAP_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A figure that is not known. Shown as null in JSON, `-` in text; never as 0. */
#define UNKNOWN INT64_MIN

static inline bool is_known(int64_t value)
{
	return value != UNKNOWN;
}

/* Sum and difference; unknown as soon as one side is, or where it is no int64_t: what a process shows of itself may be anything. */
int64_t known_add(int64_t a, int64_t b);
int64_t known_sub(int64_t a, int64_t b);

/* "100MiB", "64KiB", "1GiB", "4096" to bytes. -EINVAL when malformed, negative or too large. */
int parse_size(const char *text, int64_t *ret_bytes);

/* "200ms", "1s", "1m", "1h" to ns. -EINVAL when malformed, 0, or longer than a day. */
int parse_duration(const char *text, uint64_t *ret_ns);

/* A whole number of at least 1, decimal digits only. -EINVAL when malformed or above max. */
int parse_count(const char *text, int64_t max, int64_t *ret_count);

/* "5%", "0.5%", "5" to 0.05, 0.005, 0.05. -EINVAL when malformed, 0, or above 100. */
int parse_share(const char *text, double *ret_part);

/* "1.5 MiB", "120 MiB", "-3 KiB", "-" when unknown: at most four digits. Returns buffer. */
#define BYTES_TEXT_MAX 32
const char *format_bytes(char buffer[BYTES_TEXT_MAX], int64_t bytes);

#endif
