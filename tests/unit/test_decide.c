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
		{ "trimmable:1MiB", METRIC_TRIMMABLE, MIB, 0 },
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
		"ALLOC:1", "trimmable2:1", "trim:1", "alloc :1", "allo:1", "alloc2:1", "pss:1", "alloc:rss:1", "alloc:100MiB ", "9223372036854775808",
	};
	struct trim_policy policy = { .threshold_bytes = 5 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		check_row(rows[i], trim_policy_parse(rows[i], &policy) == -EINVAL);
		check_row(rows[i], !policy.enabled && policy.threshold_bytes == 5);
	}
}

/* A target whose five metrics and limit are all different; a trim would help. */
static struct snapshot snapshot_with(int64_t alloc, int64_t gap, int64_t rss, int64_t current, int64_t limit)
{
	struct snapshot snapshot;

	snapshot_init(&snapshot);
	snapshot.allocator.alloc = alloc;
	snapshot.gap.bytes = gap;
	snapshot.gap.trimmable = is_known(gap) ? gap - 100 : UNKNOWN;
	snapshot.gap.verdict = VERDICT_RETAINED;
	snapshot.kernel.rss = rss;
	snapshot.kernel.cgroup.current = current;
	snapshot.kernel.cgroup.limit = limit;
	return snapshot;
}

static struct trim_policy policy_of(const char *text)
{
	struct trim_policy policy = { .cooldown_ns = 10 * SECOND };

	assert_int_equal(trim_policy_parse(text, &policy), 0);
	return policy;
}

static struct trim_judgement decide(const struct trim_policy *policy, const struct snapshot *snapshot, uint64_t now_ns,
				    struct trim_state *state)
{
	struct trim_judgement judgement;

	trim_decide(policy, ACTION_SIGNAL, snapshot, now_ns, state, &judgement);
	return judgement;
}

static void each_metric_is_compared_with_the_threshold(void **state)
{
	static const struct {
		const char *text;
		enum trim_decision decision;
		int64_t value, threshold;
	} rows[] = {
		{ "alloc:1001", TRIM_BELOW, 1000, 1001 },
		{ "alloc:1000", TRIM_NOW, 1000, 1000 }, /* at it is enough */
		{ "alloc:999", TRIM_NOW, 1000, 999 },
		{ "gap:501", TRIM_BELOW, 500, 501 },
		{ "gap:500", TRIM_NOW, 500, 500 },
		{ "trimmable:401", TRIM_BELOW, 400, 401 },
		{ "trimmable:400", TRIM_NOW, 400, 400 },
		{ "rss:2001", TRIM_BELOW, 2000, 2001 },
		{ "rss:2000", TRIM_NOW, 2000, 2000 },
		{ "cgroup:3001", TRIM_BELOW, 3000, 3001 },
		{ "cgroup:3000", TRIM_NOW, 3000, 3000 },
		{ "cgroup:75%", TRIM_NOW, 3000, 3000 }, /* of 4000 */
		{ "cgroup:76%", TRIM_BELOW, 3000, 3040 },
		{ "rss:50%", TRIM_NOW, 2000, 2000 },
		{ "rss:51%", TRIM_BELOW, 2000, 2040 },
		{ "25%", TRIM_NOW, 1000, 1000 },
		{ "26%", TRIM_BELOW, 1000, 1040 },
		{ "100%", TRIM_BELOW, 1000, 4000 },
	};
	struct snapshot snapshot = snapshot_with(1000, 500, 2000, 3000, 4000);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct trim_policy policy = policy_of(rows[i].text);
		struct trim_judgement judgement = decide(&policy, &snapshot, 10 * SECOND, &(struct trim_state){ 0 });

		check_row(rows[i].text, judgement.decision == rows[i].decision);
		check_row(rows[i].text, judgement.reason.value == rows[i].value && judgement.reason.threshold == rows[i].threshold);
		check_row(rows[i].text, judgement.kind == (rows[i].decision == TRIM_NOW ? ACTION_SIGNAL : ACTION_NONE));
	}
}

static void an_unknown_metric_or_limit_cannot_be_decided(void **state)
{
	static const struct {
		const char *text;
		int64_t threshold;
	} rows[] = { { "alloc:1", 1 }, { "gap:1", 1 }, { "trimmable:1", 1 }, { "rss:1", 1 }, { "cgroup:1", 1 }, { "rss:1%", UNKNOWN } };
	struct snapshot unknown = snapshot_with(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN);
	struct snapshot no_limit = snapshot_with(1000, 500, 2000, 3000, UNKNOWN);
	struct trim_judgement judgement;
	struct trim_policy policy;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		policy = policy_of(rows[i].text);
		judgement = decide(&policy, &unknown, 1, &(struct trim_state){ 0 });
		check_row(rows[i].text, judgement.decision == TRIM_CANNOT_TELL && judgement.why[0]);
		check_row(rows[i].text, judgement.reason.value == UNKNOWN && judgement.reason.threshold == rows[i].threshold);
	}
	policy = policy_of("cgroup:1%");
	judgement = decide(&policy, &no_limit, 1, &(struct trim_state){ 0 });
	assert_int_equal(judgement.decision, TRIM_CANNOT_TELL);
	assert_non_null(strstr(judgement.why, "no memory limit"));
	/* a limit is needed for a percentage only */
	policy = policy_of("cgroup:3000");
	assert_int_equal(decide(&policy, &no_limit, 1, &(struct trim_state){ 0 }).decision, TRIM_NOW);
}

static void what_was_not_looked_into_yet_is_waited_for(void **state)
{
	struct snapshot snapshot = snapshot_with(1000, 500, 2000, 3000, 4000), unknown = snapshot_with(UNKNOWN, UNKNOWN, 2000, 3000, 4000);
	struct trim_policy policy = policy_of("rss:1000"), on_alloc = policy_of("alloc:1000");

	(void)state;
	snapshot.allocator.awaited = unknown.allocator.awaited = true;
	assert_int_equal(decide(&policy, &snapshot, 1, &(struct trim_state){ 0 }).decision, TRIM_AWAITED);
	assert_int_equal(decide(&on_alloc, &unknown, 1, &(struct trim_state){ 0 }).decision, TRIM_AWAITED);
	policy.forced = true;
	assert_int_equal(decide(&policy, &snapshot, 1, &(struct trim_state){ 0 }).decision, TRIM_NOW);
}

static const struct {
	enum verdict verdict;
	enum action_kind by_signal, by_auto, forced_by_auto;
} helps[] = {
	{ VERDICT_UNKNOWN, ACTION_SIGNAL, ACTION_NONE, ACTION_SIGNAL },
	{ VERDICT_IN_USE, ACTION_NONE, ACTION_NONE, ACTION_SIGNAL },
	{ VERDICT_GROWING, ACTION_NONE, ACTION_NONE, ACTION_SIGNAL },
	{ VERDICT_RETAINED, ACTION_SIGNAL, ACTION_SIGNAL, ACTION_SIGNAL },
	{ VERDICT_PINNED, ACTION_NONE, ACTION_NONE, ACTION_SIGNAL },
	{ VERDICT_CACHE, ACTION_SIGNAL, ACTION_RECLAIM, ACTION_RECLAIM },
	{ VERDICT_OTHER_ANON, ACTION_SIGNAL, ACTION_NONE, ACTION_SIGNAL },
	{ VERDICT_UNTOUCHED, ACTION_SIGNAL, ACTION_NONE, ACTION_SIGNAL },
};

static void the_verdict_says_whether_a_trim_helps_and_which(void **state)
{
	struct snapshot snapshot = snapshot_with(1000, 500, 2000, 3000, 4000);
	struct trim_policy policy = policy_of("rss:1000"), forced = policy;

	(void)state;
	forced.forced = true;
	for (size_t i = 0; i < COUNT_OF(helps); i++) {
		const char *name = verdict_name(helps[i].verdict);
		struct trim_judgement judgement;

		snapshot.gap.verdict = helps[i].verdict;
		judgement = decide(&policy, &snapshot, 1, &(struct trim_state){ 0 });
		check_row(name, judgement.kind == helps[i].by_signal);
		check_row(name, judgement.decision == (helps[i].by_signal ? TRIM_NOW : TRIM_HELPLESS));
		check_row(name, helps[i].by_signal || (strstr(judgement.why, name) && strstr(judgement.why, "--force")));
		check_row(name, decide(&forced, &snapshot, 1, &(struct trim_state){ 0 }).decision == TRIM_NOW);
		trim_decide(&policy, ACTION_AUTO, &snapshot, 1, &(struct trim_state){ 0 }, &judgement);
		check_row(name, judgement.kind == helps[i].by_auto);
		check_row(name, judgement.decision == (helps[i].by_auto ? TRIM_NOW : TRIM_HELPLESS));
		trim_decide(&forced, ACTION_AUTO, &snapshot, 1, &(struct trim_state){ 0 }, &judgement);
		check_row(name, judgement.kind == helps[i].forced_by_auto);
		trim_judge_request(&policy, ACTION_SIGNAL, &snapshot, &judgement);
		check_row(name, judgement.kind == helps[i].by_signal && !is_known(judgement.reason.threshold));
	}
}

static void within_the_cooldown_nothing_is_trimmed_again(void **state)
{
	static const struct {
		const char *name;
		uint64_t now, last;
		unsigned int backoff;
		enum trim_decision decision;
	} rows[] = {
		{ "never tried, soon after the boot", 1 * SECOND, 0, 0, TRIM_NOW },
		{ "tried just now", 100 * SECOND, 100 * SECOND, 0, TRIM_COOLING },
		{ "a nanosecond too early", 110 * SECOND - 1, 100 * SECOND, 0, TRIM_COOLING },
		{ "cooled down", 110 * SECOND, 100 * SECOND, 0, TRIM_NOW },
		{ "in vain once", 110 * SECOND, 100 * SECOND, 1, TRIM_COOLING },
		{ "in vain once, cooled down", 120 * SECOND, 100 * SECOND, 1, TRIM_NOW },
		{ "in vain six times", 740 * SECOND - 1, 100 * SECOND, 6, TRIM_COOLING },
		{ "in vain six times, cooled down", 740 * SECOND, 100 * SECOND, 6, TRIM_NOW },
		{ "long ago", 100000 * SECOND, 100 * SECOND, 0, TRIM_NOW },
	};
	struct snapshot snapshot = snapshot_with(1000, 500, 2000, 3000, 4000);
	struct trim_policy policy = policy_of("alloc:1000");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct trim_state before = { .last_ns = rows[i].last, .backoff = rows[i].backoff };

		check_row(rows[i].name, decide(&policy, &snapshot, rows[i].now, &before).decision == rows[i].decision);
		policy.forced = true; /* is no reason to ask more often */
		check_row(rows[i].name, decide(&policy, &snapshot, rows[i].now, &before).decision == rows[i].decision);
		policy.forced = false;
	}
}

/* The threshold is 1000, the low mark 950. */
static void a_target_past_its_threshold_is_so_until_it_is_at_the_low_mark(void **state)
{
	static const struct {
		int64_t alloc;
		enum trim_decision decision;
	} rows[] = {
		{ 960, TRIM_BELOW }, { 999, TRIM_BELOW }, { 1000, TRIM_NOW }, { 999, TRIM_NOW }, { 950, TRIM_NOW }, { 949, TRIM_BELOW },
		{ 999, TRIM_BELOW }, { 1001, TRIM_NOW },
	};
	struct trim_policy policy = policy_of("alloc:1000");
	struct trim_state now = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct snapshot snapshot = snapshot_with(rows[i].alloc, 500, 2000, 3000, 4000);
		struct trim_judgement judgement = decide(&policy, &snapshot, (i + 1) * SECOND, &now);

		assert_int_equal(judgement.decision, rows[i].decision);
		assert_int_equal(judgement.low, 950);
		assert_int_equal(now.below_ns == (i + 1) * SECOND, rows[i].alloc < 1000);
	}
}

static void the_wait_doubles_while_trims_bring_little_and_starts_anew_when_one_pays(void **state)
{
	static const struct {
		const char *name;
		int64_t reclaimed;
		unsigned int before, after;
	} rows[] = {
		{ "nothing came back", 0, 0, 1 },	{ "nothing again", 0, 1, 2 },	   { "less than a twentieth", 49, 3, 4 },
		{ "it cannot be told", UNKNOWN, 2, 3 }, { "at the longest", 0, 6, 6 },	   { "a twentieth", 50, 6, 0 },
		{ "all", 1000, 2, 0 },			{ "it has grown instead", -500, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct trim_state now = { .backoff = rows[i].before };

		trim_settle(&now, 1000, rows[i].reclaimed);
		check_row(rows[i].name, now.backoff == rows[i].after);
	}
}

/* A hundred seconds, a look each: a target that needs more than its threshold, and gives nothing. */
static void a_threshold_below_what_is_needed_makes_no_storm(void **state)
{
	struct snapshot snapshot = snapshot_with(5000, 500, 2000, 3000, 4000);
	struct trim_policy policy = policy_of("alloc:1000");
	struct trim_state now = { 0 };
	uint64_t asked[101] = { 0 };
	size_t n = 0;

	(void)state;
	for (uint64_t t = 1; t <= 1000; t++) {
		if (decide(&policy, &snapshot, t * SECOND, &now).decision != TRIM_NOW)
			continue;
		asked[n++] = t;
		trim_asked(&now, t * SECOND);
		trim_settle(&now, 1000, 0);
	}
	assert_int_equal(n, 6); /* at 1, 21, 61, 141, 301, 621 s: each wait is twice the one before */
	for (size_t i = 1; i < n; i++)
		assert_int_equal(asked[i] - asked[i - 1], 10 << i);
}

static void the_kernel_may_act_at_the_next_crossing_only_where_a_look_would(void **state)
{
	struct snapshot snapshot = snapshot_with(900, 500, 2000, 3000, 4000);
	struct trim_policy policy = policy_of("alloc:1000"), forced = policy;
	struct trim_state now = { 0 };

	(void)state;
	forced.forced = true;
	assert_true(trim_may_cross(&policy, ACTION_SIGNAL, &snapshot, 100 * SECOND, &now));
	assert_true(trim_may_cross(&policy, ACTION_AUTO, &snapshot, 100 * SECOND, &now));
	assert_false(trim_may_cross(&policy, ACTION_PRESSURE, &snapshot, 100 * SECOND, &now));
	assert_false(trim_may_cross(&policy, ACTION_EXEC, &snapshot, 100 * SECOND, &now));
	now.last_ns = 95 * SECOND;
	assert_false(trim_may_cross(&forced, ACTION_SIGNAL, &snapshot, 100 * SECOND, &now));
	assert_true(trim_may_cross(&policy, ACTION_SIGNAL, &snapshot, 105 * SECOND, &now));
	now.past = true;
	assert_false(trim_may_cross(&forced, ACTION_SIGNAL, &snapshot, 105 * SECOND, &now));
	now.past = false;
	snapshot.allocator.awaited = true;
	assert_false(trim_may_cross(&policy, ACTION_SIGNAL, &snapshot, 105 * SECOND, &now));
	snapshot.allocator.awaited = false;
	for (size_t i = 0; i < COUNT_OF(helps); i++) {
		snapshot.gap.verdict = helps[i].verdict;
		check_row(verdict_name(helps[i].verdict), trim_may_cross(&policy, ACTION_SIGNAL, &snapshot, 105 * SECOND, &now) ==
								  (helps[i].by_signal == ACTION_SIGNAL));
		check_row(verdict_name(helps[i].verdict), trim_may_cross(&forced, ACTION_SIGNAL, &snapshot, 105 * SECOND, &now));
	}
}

static void what_a_trim_brings_is_predicted_where_that_can_be_told(void **state)
{
	struct snapshot snapshot = snapshot_with(1000, 500, 2000, 3000, 4000);
	struct trim_judgement judgement = { .reason = { METRIC_CGROUP, 3000, 2000 }, .low = 1900 };
	bool cache_only;

	(void)state;
	snapshot.kernel.cgroup.file = 1500;
	snapshot.kernel.cgroup.shmem = 200;
	assert_int_equal(trim_predict(ACTION_SIGNAL, &snapshot, 7), 400);
	assert_int_equal(trim_predict(ACTION_PRESSURE, &snapshot, 7), 400);
	assert_int_equal(trim_predict(ACTION_EXEC, &snapshot, 7), UNKNOWN);
	assert_int_equal(trim_wanted(ACTION_RECLAIM, &judgement, &snapshot, &cache_only), 1100);
	assert_false(cache_only);
	assert_int_equal(trim_wanted(ACTION_AUTO, &judgement, &snapshot, &cache_only), 1100);
	assert_true(cache_only);
	judgement.reason.value = 3400;
	assert_int_equal(trim_wanted(ACTION_RECLAIM, &judgement, &snapshot, &cache_only), 1500); /* the rest to swap */
	assert_int_equal(trim_wanted(ACTION_AUTO, &judgement, &snapshot, &cache_only), 1300);
	assert_int_equal(trim_predict(ACTION_RECLAIM, &snapshot, 1100), 1100);
	assert_int_equal(trim_predict(ACTION_RECLAIM, &snapshot, 1400), 1300); /* no more than the page cache */
	judgement.reason = (struct trim_reason){ METRIC_RSS, 3000, UNKNOWN };
	assert_int_equal(trim_wanted(ACTION_RECLAIM, &judgement, &snapshot, &cache_only), 1300);
	assert_true(cache_only);
	snapshot.gap.trimmable = UNKNOWN;
	assert_int_equal(trim_predict(ACTION_SIGNAL, &snapshot, 7), UNKNOWN);
}

static void a_negative_gap_is_below_any_threshold(void **state)
{
	struct snapshot snapshot = snapshot_with(1000, -5 * MIB, 2000, 3000, 4000);
	struct trim_policy policy = policy_of("gap:1");

	(void)state;
	assert_int_equal(decide(&policy, &snapshot, 1, &(struct trim_state){ 0 }).decision, TRIM_BELOW);
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
	assert_string_equal(metric_name(METRIC_TRIMMABLE), "trimmable");
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
		cmocka_unit_test(each_metric_is_compared_with_the_threshold),
		cmocka_unit_test(an_unknown_metric_or_limit_cannot_be_decided),
		cmocka_unit_test(what_was_not_looked_into_yet_is_waited_for),
		cmocka_unit_test(the_verdict_says_whether_a_trim_helps_and_which),
		cmocka_unit_test(within_the_cooldown_nothing_is_trimmed_again),
		cmocka_unit_test(a_target_past_its_threshold_is_so_until_it_is_at_the_low_mark),
		cmocka_unit_test(the_wait_doubles_while_trims_bring_little_and_starts_anew_when_one_pays),
		cmocka_unit_test(a_threshold_below_what_is_needed_makes_no_storm),
		cmocka_unit_test(the_kernel_may_act_at_the_next_crossing_only_where_a_look_would),
		cmocka_unit_test(what_a_trim_brings_is_predicted_where_that_can_be_told),
		cmocka_unit_test(a_negative_gap_is_below_any_threshold),
		cmocka_unit_test(metrics_and_outcomes_have_the_documented_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
