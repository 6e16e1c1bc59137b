// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/base/units.h"
#include "user/trim/decide.h"

#define MIB (1024 * 1024LL)
#define SECOND 1000000000ULL

static void a_sound_threshold_is_read(void **state)
{
	static const struct {
		const char *text;
		enum trim_metric metric;
		int64_t bytes;
		int percent;
	} rows[] = {
		{ "100MiB", METRIC_ALLOC, 100 * MIB, 0 }, { "alloc:100MiB", METRIC_ALLOC, 100 * MIB, 0 },
		{ "gap:64KiB", METRIC_GAP, 65536, 0 },	  { "rss:1GiB", METRIC_RSS, 1024 * MIB, 0 },
		{ "cgroup:90%", METRIC_CGROUP, 0, 90 },	  { "100%", METRIC_ALLOC, 0, 100 },
		{ "1%", METRIC_ALLOC, 0, 1 },		  { "rss:1", METRIC_RSS, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct trim_policy policy = { .cooldown_ns = 77, .threshold_bytes = 1, .threshold_percent = 1 };

		check_row(rows[i].text, trim_policy_parse(rows[i].text, &policy) == 0);
		check_row(rows[i].text, policy.enabled && policy.metric == rows[i].metric);
		check_row(rows[i].text, policy.threshold_bytes == rows[i].bytes && policy.threshold_percent == rows[i].percent);
		check_row(rows[i].text, policy.cooldown_ns == 77); /* another option's */
	}
}

static void a_malformed_threshold_is_refused_and_nothing_written(void **state)
{
	static const char *const rows[] = {
		"", ":", "%", "alloc", "alloc:", ":100MiB", "alloc:%", "0", "0%", "alloc:0", "rss:0MiB", "101%", "0100%", "1000%",
		"99999999999999999999%", "-5%", "+5%", " 5%", "5 %", "1.5%", "5%%", "%5", "5%MiB", "5MiB%", "-1", "100MB",
		"100 MiB", "Alloc:1",
		"ALLOC:1", "alloc :1", "allo:1", "alloc2:1", "pss:1", "alloc:rss:1", "alloc:100MiB ", "9223372036854775808",
	};
	struct trim_policy policy = { .threshold_bytes = 5 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		check_row(rows[i], trim_policy_parse(rows[i], &policy) == -EINVAL);
		check_row(rows[i], !policy.enabled && policy.threshold_bytes == 5);
	}
}

static void the_metric_that_is_still_to_come_is_told_apart(void **state)
{
	struct trim_policy policy = { 0 };

	(void)state;
	assert_int_equal(trim_policy_parse("trimmable:100MiB", &policy), -ENOTSUP);
	assert_false(policy.enabled);
	assert_int_equal(trim_policy_parse("trimmable2:100MiB", &policy), -EINVAL);
}

/* A target whose four metrics and limit are all different. */
static struct snapshot snapshot_with(int64_t alloc, int64_t gap, int64_t rss, int64_t current, int64_t limit)
{
	struct snapshot snapshot;

	snapshot_init(&snapshot);
	snapshot.allocator.alloc = alloc;
	snapshot.gap.bytes = gap;
	snapshot.kernel.rss = rss;
	snapshot.kernel.cgroup.current = current;
	snapshot.kernel.cgroup.limit = limit;
	return snapshot;
}

static void each_metric_is_compared_with_the_threshold(void **state)
{
	static const struct {
		const char *text;
		enum trim_decision decision;
		int64_t value, threshold;
	} rows[] = {
		{ "alloc:1001", TRIM_NOT_NOW, 1000, 1001 },
		{ "alloc:1000", TRIM_NOW, 1000, 1000 }, /* at it is enough */
		{ "alloc:999", TRIM_NOW, 1000, 999 },
		{ "gap:501", TRIM_NOT_NOW, 500, 501 },
		{ "gap:500", TRIM_NOW, 500, 500 },
		{ "rss:2001", TRIM_NOT_NOW, 2000, 2001 },
		{ "rss:2000", TRIM_NOW, 2000, 2000 },
		{ "cgroup:3001", TRIM_NOT_NOW, 3000, 3001 },
		{ "cgroup:3000", TRIM_NOW, 3000, 3000 },
		{ "cgroup:75%", TRIM_NOW, 3000, 3000 }, /* of 4000 */
		{ "cgroup:76%", TRIM_NOT_NOW, 3000, 3040 },
		{ "rss:50%", TRIM_NOW, 2000, 2000 },
		{ "rss:51%", TRIM_NOT_NOW, 2000, 2040 },
		{ "25%", TRIM_NOW, 1000, 1000 },
		{ "26%", TRIM_NOT_NOW, 1000, 1040 },
		{ "100%", TRIM_NOT_NOW, 1000, 4000 },
	};
	struct snapshot snapshot = snapshot_with(1000, 500, 2000, 3000, 4000);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct trim_policy policy = { 0 };
		int64_t value, threshold;

		assert_int_equal(trim_policy_parse(rows[i].text, &policy), 0);
		check_row(rows[i].text, trim_decide(&policy, &snapshot, 10 * SECOND, 0, &value, &threshold) == rows[i].decision);
		check_row(rows[i].text, value == rows[i].value && threshold == rows[i].threshold);
	}
}

static void an_unknown_metric_or_limit_cannot_be_decided(void **state)
{
	static const struct {
		const char *text;
		int64_t threshold;
	} rows[] = { { "alloc:1", 1 }, { "gap:1", 1 }, { "rss:1", 1 }, { "cgroup:1", 1 }, { "rss:1%", UNKNOWN } };
	struct snapshot unknown = snapshot_with(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN);
	struct snapshot no_limit = snapshot_with(1000, 500, 2000, 3000, UNKNOWN);
	struct trim_policy policy = { 0 };
	int64_t value, threshold;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(trim_policy_parse(rows[i].text, &policy), 0);
		check_row(rows[i].text, trim_decide(&policy, &unknown, 1, 0, &value, &threshold) == TRIM_CANNOT_TELL);
		check_row(rows[i].text, value == UNKNOWN && threshold == rows[i].threshold);
	}
	assert_int_equal(trim_policy_parse("cgroup:1%", &policy), 0);
	assert_int_equal(trim_decide(&policy, &no_limit, 1, 0, &value, &threshold), TRIM_CANNOT_TELL);
	assert_true(value == 3000 && threshold == UNKNOWN);
	/* a limit is needed for a percentage only */
	assert_int_equal(trim_policy_parse("cgroup:3000", &policy), 0);
	assert_int_equal(trim_decide(&policy, &no_limit, 1, 0, &value, &threshold), TRIM_NOW);
}

static void within_the_cooldown_nothing_is_trimmed_again(void **state)
{
	static const struct {
		const char *name;
		uint64_t now, last;
		enum trim_decision decision;
	} rows[] = {
		{ "never tried, soon after the boot", 1 * SECOND, 0, TRIM_NOW },
		{ "tried just now", 100 * SECOND, 100 * SECOND, TRIM_NOT_NOW },
		{ "a nanosecond too early", 110 * SECOND - 1, 100 * SECOND, TRIM_NOT_NOW },
		{ "cooled down", 110 * SECOND, 100 * SECOND, TRIM_NOW },
		{ "long ago", 100000 * SECOND, 100 * SECOND, TRIM_NOW },
	};
	struct snapshot snapshot = snapshot_with(1000, 500, 2000, 3000, 4000);
	struct trim_policy policy = { .cooldown_ns = 10 * SECOND };

	(void)state;
	assert_int_equal(trim_policy_parse("alloc:1000", &policy), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t value = 0, threshold = 0;

		check_row(rows[i].name, trim_decide(&policy, &snapshot, rows[i].now, rows[i].last, &value, &threshold) ==
						rows[i].decision);
		check_row(rows[i].name, value == 1000 && threshold == 1000);
	}
}

static void without_a_policy_nothing_is_trimmed(void **state)
{
	struct snapshot snapshot = snapshot_with(1000, 500, 2000, 3000, 4000);
	struct trim_policy policy = { 0 };
	int64_t value = 1, threshold = 1;

	(void)state;
	assert_int_equal(trim_decide(&policy, &snapshot, 1, 0, &value, &threshold), TRIM_NOT_NOW);
	assert_true(value == UNKNOWN && threshold == UNKNOWN);
}

static void a_negative_gap_is_below_any_threshold(void **state)
{
	struct snapshot snapshot = snapshot_with(1000, -5 * MIB, 2000, 3000, 4000);
	struct trim_policy policy = { 0 };
	int64_t value, threshold;

	(void)state;
	assert_int_equal(trim_policy_parse("gap:1", &policy), 0);
	assert_int_equal(trim_decide(&policy, &snapshot, 1, 0, &value, &threshold), TRIM_NOT_NOW);
}

static void metrics_and_outcomes_have_the_documented_words(void **state)
{
	static const struct {
		enum trim_outcome outcome;
		const char *name;
	} outcomes[] = { { TRIM_TRIMMED, "trimmed" }, { TRIM_NOTHING, "nothing" }, { TRIM_REFUSED, "refused" },
			 { TRIM_FAILED, "failed" }, { TRIM_DRY_RUN, "dry-run" } };

	(void)state;
	assert_string_equal(metric_name(METRIC_ALLOC), "alloc");
	assert_string_equal(metric_name(METRIC_GAP), "gap");
	assert_string_equal(metric_name(METRIC_RSS), "rss");
	assert_string_equal(metric_name(METRIC_CGROUP), "cgroup");
	for (size_t i = 0; i < COUNT_OF(outcomes); i++)
		assert_string_equal(outcome_name(outcomes[i].outcome), outcomes[i].name);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_threshold_is_read),
		cmocka_unit_test(a_malformed_threshold_is_refused_and_nothing_written),
		cmocka_unit_test(the_metric_that_is_still_to_come_is_told_apart),
		cmocka_unit_test(each_metric_is_compared_with_the_threshold),
		cmocka_unit_test(an_unknown_metric_or_limit_cannot_be_decided),
		cmocka_unit_test(within_the_cooldown_nothing_is_trimmed_again),
		cmocka_unit_test(without_a_policy_nothing_is_trimmed),
		cmocka_unit_test(a_negative_gap_is_below_any_threshold),
		cmocka_unit_test(metrics_and_outcomes_have_the_documented_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
