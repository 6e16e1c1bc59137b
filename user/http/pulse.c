// SPDX-License-Identifier: GPL-2.0-only
#include "user/http/pulse.h"

#include "user/base/fs.h"

#define INTERVALS_ALLOWED 3
#define GRACE_NS 5000000000ULL        /* a host that is short of memory */
#define START_GRACE_NS 60000000000ULL /* thousands of processes are looked into at the start */

void pulse_init(struct pulse *pulse, uint64_t interval_ns)
{
	*pulse = (struct pulse){ .interval_ns = interval_ns, .start_ns = monotonic_ns() };
}

void pulse_beat(struct pulse *pulse)
{
	uint64_t now = monotonic_ns(), length = now - pulse->last_ns;
	uint64_t late = pulse->intervals && length > pulse->interval_ns ? length - pulse->interval_ns : 0;

	pulse->late_ns += late;
	pulse->latest_ns = late;
	if (late > pulse->longest_ns)
		pulse->longest_ns = late;
	pulse->last_ns = now;
	pulse->intervals++;
}

bool pulse_is_well(const struct pulse *pulse)
{
	uint64_t intervals = pulse->intervals, now = monotonic_ns();
	uint64_t since = intervals ? pulse->last_ns : pulse->start_ns;

	return now < since || now - since <= INTERVALS_ALLOWED * pulse->interval_ns + (intervals ? GRACE_NS : START_GRACE_NS);
}
