/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * At once: the threshold of a row is watched by the kernel side (user/allocator/lines.h) as long as the row is below it, and may be
 * asked. Only of `alloc`, which is what the probes see, and only with a signal; everything else is up to the next interval.
 */
#ifndef MEMGAP_CMD_LINE_H
#define MEMGAP_CMD_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "user/allocator/lines.h"
#include "user/gap/snapshot.h"

struct row;
struct targets;

/* Of one row. */
struct row_line {
	bool drawn;
	struct line_owner owner;
	int64_t threshold;     /* bytes of alloc */
	pid_t asked;           /* it was found to expect the signal, */
	uint64_t checked;      /* in this interval */
	struct snapshot *seen; /* when it was drawn; NULL: never */
};

/* After each look at a row: draws its line, or erases it. */
void line_update(struct targets *targets, struct row *row, const struct snapshot *snapshot);

/*
 * Whether the row's line was crossed. What the kernel side has done is the trimmer's from then on; true: it could not do it, the
 * row is to be looked at now. *ret_late_ns: since the crossing.
 */
bool line_look(struct targets *targets, struct row *row, uint64_t *ret_late_ns);

/* The row goes, or the run ends: nobody crosses its line any more; if somebody has, that is the trimmer's as well. */
void line_close(struct targets *targets, struct row *row);

#endif
