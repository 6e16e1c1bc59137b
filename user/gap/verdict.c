// SPDX-License-Identifier: GPL-2.0-only
#include "user/gap/verdict.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "user/base/units.h"

/*
 * A gap this small next to alloc is no finding: glibc's own overhead for small blocks (16 bytes or less a
 * block, top pad of 128 KiB an arena, thread stacks) reaches that in healthy programs.
 */
#define SMALL_GAP_PERCENT 20
#define SMALL_GAP_BYTES (4 << 20)

/* More than one lost event in a hundred: the sums are not to be built on. */
#define MISSED_PER_EVENTS 100

static void say(struct gap *gap, enum verdict verdict, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct gap *gap, enum verdict verdict, const char *format, ...)
{
	va_list args;

	gap->verdict = verdict;
	va_start(args, format);
	vsnprintf(gap->why, sizeof(gap->why), format, args);
	va_end(args);
}

static int64_t small_gap(int64_t alloc)
{
	int64_t share = alloc / 100 * SMALL_GAP_PERCENT;

	return share > SMALL_GAP_BYTES ? share : SMALL_GAP_BYTES;
}

static void judge_known(struct snapshot *snapshot, int64_t held)
{
	char alloc[BYTES_TEXT_MAX], resident[BYTES_TEXT_MAX], gap[BYTES_TEXT_MAX];
	int64_t bytes = snapshot->gap.bytes, small = small_gap(snapshot->allocator.alloc);

	format_bytes(alloc, snapshot->allocator.alloc);
	format_bytes(resident, held);
	format_bytes(gap, bytes < 0 ? -bytes : bytes);
	if (bytes < -small)
		say(&snapshot->gap, VERDICT_UNTOUCHED, "%s of the %s allocated were never touched: only %s are resident", gap,
		    alloc, resident);
	else if (bytes <= small)
		say(&snapshot->gap, VERDICT_IN_USE, "%s of anonymous memory, %s of it allocated and not freed", resident, alloc);
	else
		say(&snapshot->gap, VERDICT_UNKNOWN,
		    "%s of %s are not allocated; whether a trim gives them back only a look into the heap can tell", gap,
		    resident);
}

static bool is_missing_much(const struct allocator_view *view)
{
	return is_known(view->missed) && view->missed > (view->mallocs + view->frees) / MISSED_PER_EVENTS;
}

void gap_judge(struct snapshot *snapshot)
{
	int64_t held = known_add(snapshot->kernel.rss_anon, snapshot->kernel.swap);
	char alloc[BYTES_TEXT_MAX], most[BYTES_TEXT_MAX];
	struct gap *gap = &snapshot->gap;

	gap->bytes = UNKNOWN;
	gap->percent = NAN;
	if (!snapshot->target.processes)
		say(gap, VERDICT_UNKNOWN, "no process is in it");
	else if (!is_known(held))
		say(gap, VERDICT_UNKNOWN, "the kernel shows no resident memory: the process is gone");
	else if (!is_known(snapshot->allocator.alloc))
		say(gap, VERDICT_UNKNOWN, "no allocator view: nothing is probed");
	else if (is_missing_much(&snapshot->allocator))
		say(gap, VERDICT_UNKNOWN, "%" PRId64 " events were lost: alloc is not to be relied on", snapshot->allocator.missed);
	else if (!is_known(snapshot->allocator.baseline))
		say(gap, VERDICT_UNKNOWN, "watched only since after its start: alloc is at least %s, the gap at most %s",
		    format_bytes(alloc, snapshot->allocator.alloc), format_bytes(most, held - snapshot->allocator.alloc));
	else {
		gap->bytes = held - snapshot->allocator.alloc;
		if (held > 0)
			gap->percent = 100.0 * (double)gap->bytes / (double)held;
		judge_known(snapshot, held);
	}
}
