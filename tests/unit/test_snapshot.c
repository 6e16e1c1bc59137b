// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <math.h>

#include "user/base/units.h"
#include "user/gap/snapshot.h"

static void a_fresh_snapshot_knows_no_figure_and_no_name(void **state)
{
	struct snapshot s;

	(void)state;
	memset(&s, 0x5a, sizeof(s));
	snapshot_init(&s);
	const int64_t figures[] = {
		s.allocator.alloc, s.allocator.total_alloc, s.allocator.mallocs, s.allocator.frees, s.allocator.baseline,
		s.allocator.sys, s.allocator.missed, s.kernel.rss, s.kernel.rss_anon, s.kernel.rss_file, s.kernel.rss_shmem,
		s.kernel.swap, s.kernel.flow.mapped, s.kernel.flow.unmapped, s.kernel.flow.brk, s.kernel.flow.returned,
		s.kernel.cgroup.current, s.kernel.cgroup.limit, s.gap.bytes, s.trim.reclaimed,
	};
	for (size_t i = 0; i < COUNT_OF(figures); i++)
		assert_true(figures[i] == UNKNOWN);
	assert_true(isnan(s.gap.percent));
	assert_int_equal(s.gap.verdict, VERDICT_UNKNOWN);
	assert_string_equal(s.target.comm, "");
	assert_string_equal(s.target.cgroup, "");
	assert_string_equal(s.allocator.name, "");
	assert_string_equal(s.gap.why, "");
	assert_int_equal(s.allocator.source, SOURCE_NONE);
	assert_int_equal(s.trim.count, 0);
	assert_int_equal(s.trim.outcome, TRIM_NONE);
}

static void verdicts_and_sources_have_the_documented_words(void **state)
{
	(void)state;
	assert_string_equal(verdict_name(VERDICT_UNKNOWN), "unknown");
	assert_string_equal(verdict_name(VERDICT_IN_USE), "in-use");
	assert_string_equal(verdict_name(VERDICT_UNTOUCHED), "untouched");
	assert_string_equal(source_name(SOURCE_NONE), "none");
	assert_string_equal(source_name(SOURCE_PROBE), "probe");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_snapshot_knows_no_figure_and_no_name),
		cmocka_unit_test(verdicts_and_sources_have_the_documented_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
