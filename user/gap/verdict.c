// SPDX-License-Identifier: GPL-2.0-only
#include "user/gap/verdict.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "user/base/units.h"

/*
 * A gap this small next to alloc is no finding: glibc's own overhead for small blocks (16 bytes or less a
 * block, top pad of 128 KiB an arena, thread stacks) reaches that in healthy programs.
 */
#define SMALL_GAP_PERCENT 20
#define SMALL_GAP_BYTES (4 << 20)

/* Free memory that is worth a word although as much was never touched. */
#define BESIDE_BYTES (16 << 20)

/* What processes without an allocator view may hold of all. */
#define LITTLE_PART 10

/* More than one lost event in a hundred: the sums are not to be built on. */
#define MISSED_PER_EVENTS 100

/* Page cache that is worth a word: as much as is not small above, and more than all else in the cgroup together. */
#define CACHE_BYTES (16 << 20)

/* A figure as text in a sentence; lives as long as the block around it. */
#define TEXT(bytes) format_bytes((char[BYTES_TEXT_MAX]){ 0 }, bytes)

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

/* Anonymous memory that the kernel holds for it, resident or swapped, less what is given up already. */
static int64_t held_of(const struct snapshot *snapshot)
{
	int64_t lazyfree = snapshot->kernel.lazyfree;

	return known_sub(known_add(snapshot->kernel.rss_anon, snapshot->kernel.swap), is_known(lazyfree) ? lazyfree : 0);
}

static bool is_missing_much(const struct allocator_view *view)
{
	return is_known(view->missed) && view->missed > (view->mallocs + view->frees) / MISSED_PER_EVENTS;
}

bool gap_is_little(int64_t bytes, int64_t held)
{
	int64_t part = held / LITTLE_PART;

	/* a few MiB too, but not where there is not more than that */
	return is_known(held) && (bytes <= part || (bytes <= SMALL_GAP_BYTES && bytes <= held / 2));
}

/* All that is live is in alloc, but perhaps for a little. */
static bool is_whole(const struct snapshot *snapshot)
{
	const struct allocator_view *view = &snapshot->allocator;

	return is_known(view->baseline) || (is_known(view->unseen) && gap_is_little(view->unseen, held_of(snapshot)));
}

/* Each of these says what it finds and returns true, or nothing and false. */

static bool is_growing(struct snapshot *snapshot)
{
	const struct growth *growth = &snapshot->allocator.growth;

	if (growth->over_s <= 0 || is_missing_much(&snapshot->allocator))
		return false;
	say(&snapshot->gap, VERDICT_GROWING, "alloc rose from %s to %s in %.0f s, %s a second, and goes on", TEXT(growth->from),
	    TEXT(growth->to), growth->over_s, TEXT((int64_t)growth->bytes_per_s));
	return true;
}

static void say_where(const struct other_anon *other, char where[WHY_MAX])
{
	where[0] = '\0';
	if (!is_known(other->group) || !other->mappings)
		return;
	if (other->name[0])
		snprintf(where, WHY_MAX, ": %s in %s", TEXT(other->group), other->name);
	else if (other->mappings == 1)
		snprintf(where, WHY_MAX, ": %s in a mapping of %s", TEXT(other->group), TEXT(other->mapping_bytes));
	else
		snprintf(where, WHY_MAX, ": %s in %" PRId64 " mappings of %s", TEXT(other->group), other->mappings,
			 TEXT(other->mapping_bytes));
}

/* What was found free in the heap or beside it. A block that was never touched may hide as much in the gap itself. */
static int64_t found_of(const struct allocator_view *view)
{
	int64_t other = is_known(view->other.bytes) ? view->other.bytes : 0;

	return is_known(view->heap.trimmable) ? view->heap.trimmable + view->heap.pinned + other : 0;
}

/* By what most of it is. */
static void judge_explained(struct snapshot *snapshot, int64_t held)
{
	const struct heap_figures *heap = &snapshot->allocator.heap;
	const struct other_anon *other = &snapshot->allocator.other;
	struct gap *gap = &snapshot->gap;
	char where[WHY_MAX];

	if (heap->trimmable >= heap->pinned && heap->trimmable >= (is_known(other->bytes) ? other->bytes : 0)) {
		say(gap, VERDICT_RETAINED, "of %s resident the allocator retains %s in whole free pages: a trim gives them back",
		    TEXT(held), TEXT(heap->trimmable));
	} else if (!is_known(other->bytes) || heap->pinned >= other->bytes) {
		say(gap, VERDICT_PINNED, "of %s resident %s are free, but on pages that live blocks share: a trim gives back %s",
		    TEXT(held), TEXT(heap->pinned), TEXT(heap->trimmable));
	} else {
		say_where(other, where);
		say(gap, VERDICT_OTHER_ANON, "%s of %s are anonymous memory that %s does not know%s", TEXT(other->bytes), TEXT(held),
		    snapshot->allocator.name[0] ? snapshot->allocator.name : "malloc", where);
	}
}

static bool is_large(const struct snapshot *snapshot, int64_t held)
{
	int64_t bytes = snapshot->gap.bytes, found = found_of(&snapshot->allocator);
	/* next to what was never touched, the gap itself says nothing: then most of what is resident must be free */
	bool beside = bytes < 0 && found > BESIDE_BYTES && found > held / 2;

	return is_known(bytes) && (bytes > small_gap(snapshot->allocator.alloc) || beside);
}

static bool is_large_and_explained(struct snapshot *snapshot, int64_t held)
{
	if (!is_large(snapshot, held) || !is_known(snapshot->allocator.heap.trimmable) ||
	    found_of(&snapshot->allocator) < snapshot->gap.bytes / 2)
		return false;
	judge_explained(snapshot, held);
	return true;
}

static bool is_large_for_no_reason(struct snapshot *snapshot, int64_t held)
{
	const struct heap_figures *heap = &snapshot->allocator.heap;
	struct gap *gap = &snapshot->gap;

	if (!is_large(snapshot, held))
		return false;
	if (is_known(heap->trimmable))
		say(gap, VERDICT_UNKNOWN, "%s of %s are not allocated, but only %s were found free in the heap, or beside it", TEXT(gap->bytes),
		    TEXT(held), TEXT(found_of(&snapshot->allocator)));
	else
		say(gap, VERDICT_UNKNOWN, "%s of %s are not allocated; whether a trim gives them back only a look into the heap can tell%s%s",
		    TEXT(gap->bytes), TEXT(held), heap->why_not[0] ? ": " : "", heap->why_not);
	return true;
}

/* Next to so much page cache it does not matter what is free in what little anonymous memory there is. */
#define CACHE_TO_ANON 3

/*
 * The page cache alone: what is shared memory has no file to go back to. Besides so much more of it than of anonymous memory, it
 * is the verdict whatever is in the latter.
 */
static bool is_cache(struct snapshot *snapshot, int64_t held, int64_t times)
{
	const struct cgroup_memory *memory = &snapshot->kernel.cgroup;
	int64_t cache = known_sub(memory->file, is_known(memory->shmem) ? memory->shmem : 0);

	if (snapshot->target.kind != TARGET_CGROUP || !is_known(cache) || !is_known(memory->current) || cache < CACHE_BYTES ||
	    cache <= memory->current / 2 || (times && (!is_known(held) || cache < held * times)))
		return false;
	say(&snapshot->gap, VERDICT_CACHE, "%s of the cgroup's %s are page cache, %s anonymous: the kernel takes it back when it needs it",
	    TEXT(cache), TEXT(memory->current), TEXT(memory->anon));
	return true;
}

static bool is_unknown(struct snapshot *snapshot, int64_t held)
{
	struct gap *gap = &snapshot->gap;
	const struct allocator_view *view = &snapshot->allocator;

	if (!snapshot->target.processes)
		say(gap, VERDICT_UNKNOWN, "no process is in it");
	else if (!is_known(held) && snapshot->kernel.unreadable[0])
		say(gap, VERDICT_UNKNOWN, "%s", "no resident memory is known");
	else if (!is_known(held))
		say(gap, VERDICT_UNKNOWN, "the kernel shows no resident memory: the process is gone");
	else if (!is_known(view->alloc))
		say(gap, VERDICT_UNKNOWN, "no allocator view: %s", view->heap.why_not[0] ? view->heap.why_not : "nothing is probed");
	else if (is_missing_much(view))
		say(gap, VERDICT_UNKNOWN, "%" PRId64 " events were lost: alloc is not to be relied on", view->missed);
	else if (!is_whole(snapshot) && is_known(view->unseen))
		say(gap, VERDICT_UNKNOWN, "%s of %s are in processes of which not all that is allocated is known: %s", TEXT(view->unseen),
		    TEXT(held), view->heap.why_not);
	else if (!is_whole(snapshot))
		say(gap, VERDICT_UNKNOWN, "watched only since after its start: alloc is at least %s, the gap at most %s%s%s", TEXT(view->alloc),
		    TEXT(known_sub(held, view->alloc)), view->heap.why_not[0] ? ": " : "", view->heap.why_not);
	else if (!is_known(gap->bytes))
		say(gap, VERDICT_UNKNOWN, "%s allocated cannot be: alloc is not to be relied on", TEXT(view->alloc));
	else
		return false;
	return true;
}

static void judge_small(struct snapshot *snapshot, int64_t held)
{
	int64_t bytes = snapshot->gap.bytes, alloc = snapshot->allocator.alloc;

	if (bytes < -small_gap(alloc))
		say(&snapshot->gap, VERDICT_UNTOUCHED, "%s of the %s allocated were never touched: only %s are resident", TEXT(-bytes),
		    TEXT(alloc), TEXT(held));
	else
		say(&snapshot->gap, VERDICT_IN_USE, "%s of anonymous memory, %s allocated and not freed", TEXT(held), TEXT(alloc));
}

static int64_t known_or_0(int64_t bytes)
{
	return is_known(bytes) ? bytes : 0;
}

/*
 * What has come since the walk is taken as allocated: the gap is as it was then. What has gone was free: by a trim, which the walk does
 * not know of.
 */
static int64_t new_since_walk(const struct allocator_view *view)
{
	return is_known(view->stale) && view->stale > 0 ? view->stale : 0;
}

/* The gap is known when both its sides are: all that is allocated, and all that is resident. */
void gap_measure(struct snapshot *snapshot)
{
	const struct allocator_view *view = &snapshot->allocator;
	int64_t held = held_of(snapshot);
	struct gap *gap = &snapshot->gap;

	gap->bytes = UNKNOWN;
	gap->percent = NAN;
	gap->trimmable = view->heap.trimmable;
	gap->pinned = view->heap.pinned;
	if (!snapshot->target.processes || !is_whole(snapshot) || is_missing_much(view))
		return;
	gap->bytes = known_sub(known_sub(held, view->alloc), known_add(known_or_0(view->unseen), new_since_walk(view)));
	if (is_known(gap->bytes) && held > 0)
		gap->percent = 100.0 * (double)gap->bytes / (double)held;
}

/* What is missing may be what would have told more. */
static void add_unreadable(struct snapshot *snapshot)
{
	char *why = snapshot->gap.why;
	size_t used = strlen(why);

	snprintf(why + used, WHY_MAX - used, "%s%s cannot be read", used ? "; " : "", snapshot->kernel.unreadable);
}

void gap_judge(struct snapshot *snapshot)
{
	int64_t held = held_of(snapshot);

	if (!is_growing(snapshot) && !is_cache(snapshot, held, CACHE_TO_ANON) && !is_large_and_explained(snapshot, held) &&
	    !is_cache(snapshot, held, 0) && !is_large_for_no_reason(snapshot, held) && !is_unknown(snapshot, held))
		judge_small(snapshot, held);
	if (snapshot->kernel.unreadable[0])
		add_unreadable(snapshot);
}
