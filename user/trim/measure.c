// SPDX-License-Identifier: GPL-2.0-only
#include "user/trim/measure.h"

#include "user/base/units.h"

/* A program under load may take this long to get round to its trim. */
#define NO_EFFECT_NS (1000 * 1000000ULL)
/* Once it falls, a trim is done when it has not fallen any further for this long. */
#define SETTLED_NS (100 * 1000000ULL)
/* A gigabyte heap is trimmed in less; a target that keeps falling is not waited for. */
#define LONGEST_NS (3000 * 1000000ULL)

void measure_start(struct measure *measure, uint64_t now_ns, int64_t before)
{
	*measure = (struct measure){ .start_ns = now_ns, .lowest_ns = now_ns, .before = before, .lowest = before };
}

bool measure_take(struct measure *measure, uint64_t now_ns, int64_t rss)
{
	if (!is_known(rss) || !is_known(measure->before))
		return true;
	if (rss < measure->lowest) {
		measure->lowest = rss;
		measure->lowest_ns = now_ns;
	}
	if (now_ns - measure->start_ns >= LONGEST_NS)
		return true;
	if (measure->lowest < measure->before)
		return now_ns - measure->lowest_ns >= SETTLED_NS;
	return now_ns - measure->start_ns >= NO_EFFECT_NS;
}
