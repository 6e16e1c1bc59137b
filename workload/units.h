/* SPDX-License-Identifier: GPL-2.0-only */
/* Quantities as they stand on the command line. Nothing is written when the text is malformed. */
#ifndef WORKLOAD_UNITS_H
#define WORKLOAD_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* "10MiB", "64KiB", "1GiB", "4096" to bytes, at least 1. -EINVAL when malformed, 0 or too large. */
int parse_size(const char *text, size_t *ret_bytes);

/* "200ms", "1s", "1m", "1h" to ns. -EINVAL when malformed, 0, or longer than a day. */
int parse_duration(const char *text, uint64_t *ret_ns);

/* A whole number from 1 to max, decimal digits only; else -EINVAL. */
int parse_count(const char *text, uint64_t max, uint64_t *ret_count);

#endif
