/* SPDX-License-Identifier: GPL-2.0-only */
/* When a trim has had its effect: a pure state machine over readings of the resident size. */
#ifndef MEMGAP_TRIM_MEASURE_H
#define MEMGAP_TRIM_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

/* How often to read while measuring. */
#define MEASURE_PERIOD_NS (5 * 1000000ULL)

struct measure {
	uint64_t start_ns, lowest_ns; /* CLOCK_MONOTONIC: of the signal, of the lowest reading */
	int64_t before, lowest;       /* bytes */
};

void measure_start(struct measure *measure, uint64_t now_ns, int64_t before);
/* Takes a reading (UNKNOWN: the target is gone); true when there is nothing more to wait for. */
bool measure_take(struct measure *measure, uint64_t now_ns, int64_t rss);

#endif
