/* SPDX-License-Identifier: GPL-2.0-only */
/* How the intervals of a session come: one thread feels them, any may ask. */
#ifndef MEMGAP_HTTP_PULSE_H
#define MEMGAP_HTTP_PULSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pulse {
	uint64_t interval_ns; /* as it was asked for */
	uint64_t start_ns;    /* CLOCK_MONOTONIC */
	_Atomic uint64_t intervals; /* over so far */
	_Atomic uint64_t last_ns;   /* when the last one was */
	/* by which they were longer than asked for: all together, the last one, the longest one */
	_Atomic uint64_t late_ns, latest_ns, longest_ns;
};

void pulse_init(struct pulse *pulse, uint64_t interval_ns);
/* An interval is over. */
void pulse_beat(struct pulse *pulse);
/* The last one is not longer ago than three, and 5 s; before the first one, not longer than three, and a minute. */
bool pulse_is_well(const struct pulse *pulse);

#endif
