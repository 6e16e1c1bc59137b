// SPDX-License-Identifier: GPL-2.0-only
/* What probes may cost: a share of the time, saved up for bursts, and windows that keep to it as well. */
#include "tests/unit/helpers.h"

#include <math.h>

#include "user/governor/budget.h"

#define MS 1000000ULL
#define SECOND 1000000000ULL
#define SHARE 0.05

static void a_process_that_pays_less_than_its_share_may_go_on_for_ever(void **state)
{
	struct budget budget;

	(void)state;
	budget_begin(&budget, SHARE, 0);
	for (uint64_t now = 100 * MS; now < 1000 * SECOND; now += 100 * MS)
		assert_true(budget_spend(&budget, SHARE, now, 4 * MS));
}

static void a_burst_may_use_ten_seconds_worth(void **state)
{
	struct budget budget;

	(void)state;
	budget_begin(&budget, SHARE, 0);
	assert_true(budget_spend(&budget, SHARE, 100 * MS, 499 * MS));
	/* it is saved up again, but no more than that */
	assert_true(budget_spend(&budget, SHARE, 1000 * SECOND, 0));
	assert_true(budget_spend(&budget, SHARE, 1000 * SECOND, 500 * MS));
	assert_false(budget_spend(&budget, SHARE, 1000 * SECOND, 1));
}

static void who_was_given_more_may_use_it_once(void **state)
{
	struct budget budget;

	(void)state;
	budget_begin(&budget, SHARE, 0);
	budget_add(&budget, SHARE);
	assert_true(budget_spend(&budget, SHARE, 1000 * SECOND, 900 * MS));
	assert_true(budget_spend(&budget, SHARE, 2000 * SECOND, 500 * MS));
	assert_false(budget_spend(&budget, SHARE, 2000 * SECOND, 1));
}

static void who_pays_twice_the_share_is_found_out_in_ten_seconds(void **state)
{
	struct budget budget;
	uint64_t now = 0;

	(void)state;
	budget_begin(&budget, SHARE, 0);
	do
		now += 100 * MS;
	while (budget_spend(&budget, SHARE, now, 10 * MS));
	assert_in_range(now, 9900 * MS, 10200 * MS);
}

static void without_a_bound_everything_may_be_spent(void **state)
{
	struct budget budget;

	(void)state;
	budget_begin(&budget, INFINITY, 0);
	assert_true(budget_spend(&budget, INFINITY, 1, INT64_MAX / 2));
	assert_true(budget_spend(&budget, INFINITY, 2, INT64_MAX / 2));
}

/* What a process pays for windows, and memgap for putting probes in place, over a long time. */
static void windows_keep_to_half_the_share(void **state)
{
	static const struct {
		int64_t cost_ns;
		uint64_t own_cost_ns, pause_ns;
	} rows[] = {
		{ 10 * MS, 1 * MS, 400 * MS },
		{ 20 * MS, 1 * MS, 800 * MS },
		{ 1 * MS, 1 * MS, 200 * MS },
		{ 1 * MS, 10 * MS, 1000 * MS },
		{ 0, 0, 200 * MS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_in_range(window_pause_ns(SHARE, rows[i].cost_ns, rows[i].own_cost_ns), rows[i].pause_ns - 1, rows[i].pause_ns + 1);
	/* kernels that need seconds for it: seldom, but not never */
	assert_int_equal(window_pause_ns(1e-9, 10 * SECOND, 0), 3600 * SECOND);
}

static unsigned int windows_until_back(struct calm *calm, uint64_t now, int64_t cost_ns)
{
	unsigned int n = 1;

	while (!calm_window(calm, SHARE, now, 20 * MS, cost_ns) && n < 1000)
		n++;
	return n;
}

static void probes_come_back_when_three_windows_in_a_row_were_cheap(void **state)
{
	struct calm calm;

	(void)state;
	calm_begin(&calm);
	assert_false(calm_window(&calm, SHARE, SECOND, 20 * MS, 0));
	assert_false(calm_window(&calm, SHARE, SECOND, 20 * MS, 0));
	assert_false(calm_window(&calm, SHARE, SECOND, 20 * MS, 20 * MS));
	assert_int_equal(windows_until_back(&calm, SECOND, (int64_t)(0.5 * MS)), 3);
	/* just below the bound is too much: they would be taken away again soon */
	assert_int_equal(windows_until_back(&calm, SECOND, (int64_t)(0.6 * MS)), 1000);
}

static void who_makes_them_come_and_go_has_to_be_calm_for_longer(void **state)
{
	struct calm calm;
	uint64_t now = SECOND;

	(void)state;
	calm_begin(&calm);
	calm_end(&calm, now);
	for (unsigned int expected = 3; expected < 100; expected *= 2) {
		assert_int_equal(windows_until_back(&calm, now, 0), expected);
		now += 5 * SECOND;
		calm_end(&calm, now);
	}
	assert_int_equal(windows_until_back(&calm, now, 0), 96);
	/* forgiven when it went well for a while */
	now += 31 * SECOND;
	calm_end(&calm, now);
	assert_int_equal(windows_until_back(&calm, now, 0), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_that_pays_less_than_its_share_may_go_on_for_ever),
		cmocka_unit_test(a_burst_may_use_ten_seconds_worth),
		cmocka_unit_test(who_was_given_more_may_use_it_once),
		cmocka_unit_test(who_pays_twice_the_share_is_found_out_in_ten_seconds),
		cmocka_unit_test(without_a_bound_everything_may_be_spent),
		cmocka_unit_test(windows_keep_to_half_the_share),
		cmocka_unit_test(probes_come_back_when_three_windows_in_a_row_were_cheap),
		cmocka_unit_test(who_makes_them_come_and_go_has_to_be_calm_for_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
