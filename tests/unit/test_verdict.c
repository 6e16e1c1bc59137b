// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <math.h>

#include "user/base/units.h"
#include "user/gap/verdict.h"

#define MIB (1024 * 1024LL)

struct case_ {
	const char *name;
	int64_t rss_anon, swap, alloc, baseline, mallocs, frees, missed;
	enum verdict verdict;
	int64_t bytes; /* of the gap */
	const char *why; /* part of it */
};

static struct snapshot snapshot_of(const struct case_ *row)
{
	struct snapshot snapshot;

	snapshot_init(&snapshot);
	snapshot.target.processes = 1;
	snapshot.kernel.rss_anon = row->rss_anon;
	snapshot.kernel.swap = row->swap;
	snapshot.allocator.alloc = row->alloc;
	snapshot.allocator.baseline = row->baseline;
	snapshot.allocator.mallocs = row->mallocs;
	snapshot.allocator.frees = row->frees;
	snapshot.allocator.missed = row->missed;
	return snapshot;
}

static void the_gap_is_judged_by_its_size_next_to_alloc(void **state)
{
	/* small is 20 % of alloc, but 4 MiB at least */
	static const struct case_ rows[] = {
		{ "no gap", 50 * MIB, 0, 50 * MIB, 0, 9, 1, 0, VERDICT_IN_USE, 0, "50 MiB" },
		{ "4 MiB of little", 5 * MIB, 0, 1 * MIB, 0, 9, 1, 0, VERDICT_IN_USE, 4 * MIB, "5 MiB" },
		{ "just above 4 MiB", 5 * MIB + 1, 0, 1 * MIB, 0, 9, 1, 0, VERDICT_UNKNOWN, 4 * MIB + 1, "look into the heap" },
		{ "20 % of much", 120 * MIB, 0, 100 * MIB, 0, 9, 1, 0, VERDICT_IN_USE, 20 * MIB, "120 MiB" },
		{ "just above 20 %", 120 * MIB + 1, 0, 100 * MIB, 0, 9, 1, 0, VERDICT_UNKNOWN, 20 * MIB + 1, "20 MiB of 120 MiB" },
		{ "much above", 200 * MIB, 0, 20 * MIB, 0, 9, 1, 0, VERDICT_UNKNOWN, 180 * MIB, "180 MiB of 200 MiB" },
		{ "20 % below", 80 * MIB, 0, 100 * MIB, 0, 9, 1, 0, VERDICT_IN_USE, -20 * MIB, "80 MiB" },
		{ "just more below", 80 * MIB - 1, 0, 100 * MIB, 0, 9, 1, 0, VERDICT_UNTOUCHED, -20 * MIB - 1, "never touched" },
		{ "all untouched", 1 * MIB, 0, 500 * MIB, 0, 9, 1, 0, VERDICT_UNTOUCHED, -499 * MIB, "499 MiB of the 500 MiB" },
		{ "swap counts", 10 * MIB, 90 * MIB, 100 * MIB, 0, 9, 1, 0, VERDICT_IN_USE, 0, "100 MiB" },
		{ "nothing at all", 0, 0, 0, 0, 0, 0, 0, VERDICT_IN_USE, 0, "0 B" },
		{ "missed is not known", 50 * MIB, 0, 50 * MIB, 0, 9, 1, UNKNOWN, VERDICT_IN_USE, 0, "50 MiB" },
		{ "a hundredth missed", 50 * MIB, 0, 50 * MIB, 0, 600, 400, 10, VERDICT_IN_USE, 0, "50 MiB" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct snapshot snapshot = snapshot_of(&rows[i]);

		gap_measure(&snapshot);
		gap_judge(&snapshot);
		check_row(rows[i].name, snapshot.gap.verdict == rows[i].verdict);
		check_row(rows[i].name, snapshot.gap.bytes == rows[i].bytes);
		if (!strstr(snapshot.gap.why, rows[i].why))
			fail_msg("%s: '%s' is not in: %s", rows[i].name, rows[i].why, snapshot.gap.why);
	}
}

/* A process with 100 MiB resident, 20 MiB of them allocated, and what a look into its heap has found. */
struct look {
	const char *name;
	int64_t alloc, trimmable, pinned, other;
	enum verdict verdict;
	const char *why;
};

static struct snapshot looked_into(const struct look *row)
{
	struct snapshot snapshot;

	snapshot_init(&snapshot);
	snapshot.target.processes = 1;
	snapshot.kernel.rss_anon = 100 * MIB;
	snapshot.kernel.swap = 0;
	strcpy(snapshot.allocator.name, "glibc 2.36");
	snapshot.allocator.alloc = row->alloc;
	snapshot.allocator.baseline = 0;
	snapshot.allocator.heap.trimmable = row->trimmable;
	snapshot.allocator.heap.pinned = row->pinned;
	snapshot.allocator.other.bytes = row->other;
	return snapshot;
}

static void a_large_gap_is_what_most_of_it_is(void **state)
{
	static const struct look rows[] = {
		{ "all trimmable", 20 * MIB, 79 * MIB, 1 * MIB, 0, VERDICT_RETAINED, "a trim gives them back" },
		{ "all pinned", 20 * MIB, 1 * MIB, 79 * MIB, 0, VERDICT_PINNED, "79 MiB are free, but on pages" },
		{ "all other", 20 * MIB, 0, 0, 80 * MIB, VERDICT_OTHER_ANON, "80 MiB of 100 MiB are anonymous memory that glibc 2.36" },
		{ "mostly trimmable", 20 * MIB, 40 * MIB, 25 * MIB, 15 * MIB, VERDICT_RETAINED, "retains 40 MiB" },
		{ "mostly pinned", 20 * MIB, 25 * MIB, 40 * MIB, 15 * MIB, VERDICT_PINNED, "a trim gives back 25 MiB" },
		{ "mostly other", 20 * MIB, 20 * MIB, 15 * MIB, 45 * MIB, VERDICT_OTHER_ANON, "45 MiB" },
		{ "other not looked at", 20 * MIB, 1 * MIB, 79 * MIB, UNKNOWN, VERDICT_PINNED, "79 MiB" },
		{ "little is explained", 20 * MIB, 20 * MIB, 15 * MIB, 4 * MIB, VERDICT_UNKNOWN, "only 39 MiB were found free" },
		{ "not looked into", 20 * MIB, UNKNOWN, UNKNOWN, UNKNOWN, VERDICT_UNKNOWN, "only a look into the heap can tell" },
		{ "retained beside what is untouched", 300 * MIB, 70 * MIB, 1 * MIB, 0, VERDICT_RETAINED, "retains 70 MiB" },
		{ "little beside what is untouched", 300 * MIB, 40 * MIB, 1 * MIB, 0, VERDICT_UNTOUCHED, "200 MiB of the 300 MiB" },
		{ "nothing large", 95 * MIB, 3 * MIB, 2 * MIB, 0, VERDICT_IN_USE, "95 MiB" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct snapshot snapshot = looked_into(&rows[i]);

		gap_measure(&snapshot);
		gap_judge(&snapshot);
		check_row(rows[i].name, snapshot.gap.verdict == rows[i].verdict);
		check_row(rows[i].name, snapshot.gap.trimmable == rows[i].trimmable && snapshot.gap.pinned == rows[i].pinned);
		if (!strstr(snapshot.gap.why, rows[i].why))
			fail_msg("%s: '%s' is not in: %s", rows[i].name, rows[i].why, snapshot.gap.why);
	}
}

/* What a process shows of itself may be anything. */
static void a_gap_that_is_no_number_is_unknown(void **state)
{
	static const int64_t impossible[] = { INT64_MIN + 1, INT64_MIN + 100 * MIB };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(impossible); i++) {
		struct look row = { "", impossible[i], UNKNOWN, UNKNOWN, UNKNOWN, VERDICT_UNKNOWN, "cannot be" };
		struct snapshot snapshot = looked_into(&row);

		gap_measure(&snapshot);
		gap_judge(&snapshot);
		assert_true(snapshot.gap.bytes == UNKNOWN);
		assert_int_equal(snapshot.gap.verdict, VERDICT_UNKNOWN);
		assert_non_null(strstr(snapshot.gap.why, row.why));
	}
}

static void other_anonymous_memory_is_named_by_size(void **state)
{
	static const struct look row = { "", 20 * MIB, 0, 0, 80 * MIB, 0, "" };
	struct snapshot snapshot = looked_into(&row);
	struct other_anon *other = &snapshot.allocator.other;

	(void)state;
	*other = (struct other_anon){ .bytes = 80 * MIB, .group = 72 * MIB, .mappings = 72, .mapping_bytes = 1 * MIB };
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_non_null(strstr(snapshot.gap.why, ": 72 MiB in 72 mappings of 1 MiB"));
	other->mappings = 1;
	other->mapping_bytes = 128 * MIB;
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_non_null(strstr(snapshot.gap.why, ": 72 MiB in a mapping of 128 MiB"));
	strcpy(other->name, "[stack]");
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_non_null(strstr(snapshot.gap.why, ": 72 MiB in [stack]"));
}

static void what_is_given_up_already_is_not_in_the_gap(void **state)
{
	static const struct look row = { "", 40 * MIB, 0, 0, 0, 0, "" };
	struct snapshot snapshot = looked_into(&row);

	(void)state;
	snapshot.kernel.lazyfree = 58 * MIB;
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_true(snapshot.gap.bytes == 2 * MIB);
	assert_int_equal(snapshot.gap.verdict, VERDICT_IN_USE);
}

static void growth_comes_first_whatever_else_there_is(void **state)
{
	static const struct look row = { "", 20 * MIB, 79 * MIB, 1 * MIB, 0, 0, "" };
	struct snapshot snapshot = looked_into(&row);

	(void)state;
	snapshot.allocator.growth = (struct growth){ 0.5 * MIB, 20, 10 * MIB, 20 * MIB };
	snapshot.allocator.baseline = UNKNOWN; /* what it had before does not matter */
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_int_equal(snapshot.gap.verdict, VERDICT_GROWING);
	assert_string_equal(snapshot.gap.why, "alloc rose from 10 MiB to 20 MiB in 20 s, 512 KiB a second, and goes on");
	snapshot.allocator.mallocs = 600;
	snapshot.allocator.frees = 400;
	snapshot.allocator.missed = 11; /* frees that were not seen look like growth */
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_int_equal(snapshot.gap.verdict, VERDICT_UNKNOWN);
}

static struct snapshot cgroup_with(int64_t current, int64_t file, int64_t shmem)
{
	static const struct look row = { "", 95 * MIB, 0, 0, 0, 0, "" };
	struct snapshot snapshot = looked_into(&row);

	snapshot.target.kind = TARGET_CGROUP;
	snapshot.kernel.cgroup.current = current;
	snapshot.kernel.cgroup.anon = 100 * MIB;
	snapshot.kernel.cgroup.file = file;
	snapshot.kernel.cgroup.shmem = shmem;
	return snapshot;
}

static void a_cgroup_that_is_mostly_page_cache_is_cache(void **state)
{
	static const struct {
		const char *name;
		int64_t current, file, shmem;
		enum verdict verdict;
	} rows[] = {
		{ "most of it", 300 * MIB, 190 * MIB, 0, VERDICT_CACHE },
		{ "shared memory is none", 300 * MIB, 190 * MIB, 100 * MIB, VERDICT_IN_USE },
		{ "less than the rest", 200 * MIB, 95 * MIB, 0, VERDICT_IN_USE },
		{ "not known", 300 * MIB, UNKNOWN, 0, VERDICT_IN_USE },
	};
	struct snapshot snapshot;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snapshot = cgroup_with(rows[i].current, rows[i].file, rows[i].shmem);
		gap_measure(&snapshot);
		gap_judge(&snapshot);
		check_row(rows[i].name, snapshot.gap.verdict == rows[i].verdict);
	}
	snapshot = cgroup_with(300 * MIB, 190 * MIB, 0);
	snapshot.allocator.alloc = snapshot.allocator.baseline = UNKNOWN; /* none is needed for that */
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_int_equal(snapshot.gap.verdict, VERDICT_CACHE);
	assert_non_null(strstr(snapshot.gap.why, "190 MiB of the cgroup's 300 MiB are page cache, 100 MiB anonymous"));
	/* what is retained matters more, unless it is next to nothing */
	snapshot = cgroup_with(300 * MIB, 190 * MIB, 0);
	snapshot.allocator.alloc = 20 * MIB;
	snapshot.allocator.heap.trimmable = 79 * MIB;
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_int_equal(snapshot.gap.verdict, VERDICT_RETAINED);
	snapshot = cgroup_with(500 * MIB, 390 * MIB, 0);
	snapshot.allocator.alloc = 20 * MIB;
	snapshot.allocator.heap.trimmable = 79 * MIB;
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_int_equal(snapshot.gap.verdict, VERDICT_CACHE);
	snapshot = cgroup_with(300 * MIB, 190 * MIB, 0);
	snapshot.allocator.alloc = snapshot.allocator.baseline = UNKNOWN;
	snapshot.target.kind = TARGET_PROCESS; /* whose cache it is nobody knows */
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_int_equal(snapshot.gap.verdict, VERDICT_UNKNOWN);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
	struct snapshot snapshot;

	(void)state;
	snapshot_init(&snapshot);
	snapshot.target.processes = 1;
	strcpy(snapshot.kernel.unreadable, "/proc/123/status");
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_int_equal(snapshot.gap.verdict, VERDICT_UNKNOWN);
	assert_string_equal(snapshot.gap.why, "no resident memory is known; /proc/123/status cannot be read");
	/* a figure of the cgroup is missing: the verdict stands, and says so */
	snapshot = cgroup_with(200 * MIB, UNKNOWN, UNKNOWN);
	strcpy(snapshot.kernel.unreadable, "memory.stat");
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_int_equal(snapshot.gap.verdict, VERDICT_IN_USE);
	assert_non_null(strstr(snapshot.gap.why, "; memory.stat cannot be read"));
}

static void what_cannot_be_known_is_unknown_with_its_reason(void **state)
{
	static const struct case_ rows[] = {
		{ "gone", UNKNOWN, 0, MIB, 0, 9, 1, 0, VERDICT_UNKNOWN, UNKNOWN, "no resident memory" },
		{ "swap unknown", MIB, UNKNOWN, MIB, 0, 9, 1, 0, VERDICT_UNKNOWN, UNKNOWN, "no resident memory" },
		{ "not probed", MIB, 0, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, VERDICT_UNKNOWN, UNKNOWN, "nothing is probed" },
		{ "all unknown", UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, VERDICT_UNKNOWN, UNKNOWN, "" },
		{ "more than a hundredth missed", MIB, 0, MIB, 0, 600, 400, 11, VERDICT_UNKNOWN, UNKNOWN, "11 events" },
		{ "all missed", MIB, 0, 0, 0, 0, 0, 1, VERDICT_UNKNOWN, UNKNOWN, "1 event" },
		{ "watched from later on", 30 * MIB, 0, 10 * MIB, UNKNOWN, 9, 1, 0, VERDICT_UNKNOWN, UNKNOWN,
		  "at least 10 MiB, the gap at most 20 MiB" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct snapshot snapshot = snapshot_of(&rows[i]);

		snapshot.gap.bytes = 5; /* of an earlier judgement */
		snapshot.gap.percent = 5;
		gap_measure(&snapshot);
		gap_judge(&snapshot);
		check_row(rows[i].name, snapshot.gap.verdict == VERDICT_UNKNOWN);
		check_row(rows[i].name, snapshot.gap.bytes == UNKNOWN);
		check_row(rows[i].name, isnan(snapshot.gap.percent));
		check_row(rows[i].name, snapshot.gap.why[0]);
		if (!strstr(snapshot.gap.why, rows[i].why))
			fail_msg("%s: '%s' is not in: %s", rows[i].name, rows[i].why, snapshot.gap.why);
	}
}

static void what_some_processes_of_a_cgroup_hold_unseen_is_told_unless_it_is_little(void **state)
{
	static const struct {
		const char *name;
		int64_t alloc, unseen;
		enum verdict verdict;
	} rows[] = {
		{ "a tenth", 90 * MIB, 10 * MIB, VERDICT_IN_USE },
		{ "more", 89 * MIB, 11 * MIB, VERDICT_UNKNOWN },
		{ "all", 0, 100 * MIB, VERDICT_UNKNOWN },
	};
	struct snapshot snapshot;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snapshot = cgroup_with(UNKNOWN, UNKNOWN, UNKNOWN);
		snapshot.allocator.alloc = rows[i].alloc;
		snapshot.allocator.unseen = rows[i].unseen;
		snapshot.allocator.baseline = UNKNOWN;
		strcpy(snapshot.allocator.heap.why_not, "app[7]: it has no glibc");
		gap_measure(&snapshot);
		gap_judge(&snapshot);
		check_row(rows[i].name, snapshot.gap.verdict == rows[i].verdict);
		check_row(rows[i].name, snapshot.gap.bytes == (rows[i].verdict == VERDICT_UNKNOWN ? UNKNOWN : 0));
	}
	assert_string_equal(snapshot.gap.why, "100 MiB of 100 MiB are in processes of which not all that is allocated is known: "
					      "app[7]: it has no glibc");
	/* a few MiB say nothing, but not where that is all there is */
	snapshot.kernel.rss_anon = 3 * MIB;
	snapshot.allocator.unseen = 3 * MIB;
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_int_equal(snapshot.gap.verdict, VERDICT_UNKNOWN);
	assert_true(snapshot.gap.bytes == UNKNOWN);
}

static void the_percentage_is_of_what_is_resident_or_swapped(void **state)
{
	static const struct case_ part = { "", 60 * MIB, 20 * MIB, 20 * MIB, 0, 9, 1, 0, 0, 0, "" };
	static const struct case_ none = { "", 0, 0, 8 * MIB, 0, 9, 1, 0, 0, 0, "" };
	struct snapshot snapshot = snapshot_of(&part);

	(void)state;
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_float_equal(snapshot.gap.percent, 75.0, 1e-9);
	snapshot = snapshot_of(&none);
	gap_measure(&snapshot);
	gap_judge(&snapshot);
	assert_true(isnan(snapshot.gap.percent)); /* not infinite */
	assert_true(snapshot.gap.bytes == -8 * MIB);
}

static void judging_changes_nothing_but_the_gap(void **state)
{
	static const struct case_ row = { "", 60 * MIB, 20 * MIB, 20 * MIB, 0, 9, 1, 0, 0, 0, "" };
	struct snapshot before = snapshot_of(&row), after = before;

	(void)state;
	gap_measure(&after);
	gap_judge(&after);
	after.gap = before.gap;
	assert_memory_equal(&after.target, &before.target, sizeof(after.target));
	assert_memory_equal(&after.allocator, &before.allocator, sizeof(after.allocator));
	assert_memory_equal(&after.kernel, &before.kernel, sizeof(after.kernel));
	assert_memory_equal(&after.trim, &before.trim, sizeof(after.trim));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gap_is_judged_by_its_size_next_to_alloc),
		cmocka_unit_test(a_large_gap_is_what_most_of_it_is),
		cmocka_unit_test(a_gap_that_is_no_number_is_unknown),
		cmocka_unit_test(other_anonymous_memory_is_named_by_size),
		cmocka_unit_test(what_is_given_up_already_is_not_in_the_gap),
		cmocka_unit_test(growth_comes_first_whatever_else_there_is),
		cmocka_unit_test(a_cgroup_that_is_mostly_page_cache_is_cache),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
		cmocka_unit_test(what_cannot_be_known_is_unknown_with_its_reason),
		cmocka_unit_test(what_some_processes_of_a_cgroup_hold_unseen_is_told_unless_it_is_little),
		cmocka_unit_test(the_percentage_is_of_what_is_resident_or_swapped),
		cmocka_unit_test(judging_changes_nothing_but_the_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
