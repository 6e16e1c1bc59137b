// SPDX-License-Identifier: GPL-2.0-only
/* The state machine's bounds, as measure.c gives them: 1 s for a first effect, 100 ms of calm, 3 s in all. */
#include "tests/unit/helpers.h"

#include "user/base/units.h"
#include "user/trim/measure.h"

#define MS 1000000ULL
#define START (1000 * MS)

static struct measure started(int64_t before)
{
	struct measure measure;

	measure_start(&measure, START, before);
	return measure;
}

static void without_an_effect_it_waits_a_second(void **state)
{
	struct measure measure = started(1000);

	(void)state;
	assert_false(measure_take(&measure, START, 1000));
	assert_false(measure_take(&measure, START + 500 * MS, 1000));
	assert_false(measure_take(&measure, START + 1000 * MS - 1, 1000));
	assert_true(measure_take(&measure, START + 1000 * MS, 1000));
	assert_int_equal(measure.lowest, 1000);
}

static void growth_is_no_effect(void **state)
{
	struct measure measure = started(1000);

	(void)state;
	assert_false(measure_take(&measure, START + 1 * MS, 5000));
	assert_true(measure_take(&measure, START + 1000 * MS, 5000));
	assert_int_equal(measure.lowest, 1000); /* nothing came back, nothing is negative */
	assert_int_equal(measure.before, 1000);
}

static void a_fall_ends_it_when_it_has_settled(void **state)
{
	struct measure measure = started(1000);

	(void)state;
	assert_false(measure_take(&measure, START + 5 * MS, 400));
	assert_false(measure_take(&measure, START + 105 * MS - 1, 400));
	assert_true(measure_take(&measure, START + 105 * MS, 400));
	assert_int_equal(measure.lowest, 400);
	assert_int_equal(measure.lowest_ns, START + 5 * MS);
}

static void each_further_fall_begins_the_calm_anew(void **state)
{
	struct measure measure = started(1000);

	(void)state;
	for (unsigned int i = 1; i <= 20; i++)
		assert_false(measure_take(&measure, START + i * 90 * MS, 1000 - (int64_t)i));
	assert_true(measure_take(&measure, START + 20 * 90 * MS + 100 * MS, 980));
	assert_int_equal(measure.lowest, 980);
}

static void a_rise_after_the_fall_keeps_the_lowest(void **state)
{
	struct measure measure = started(1000);

	(void)state;
	assert_false(measure_take(&measure, START + 10 * MS, 300));
	assert_false(measure_take(&measure, START + 50 * MS, 900));
	assert_true(measure_take(&measure, START + 110 * MS, 2000));
	assert_int_equal(measure.lowest, 300);
	assert_int_equal(measure.lowest_ns, START + 10 * MS);
}

static void a_late_effect_is_waited_for_to_its_end(void **state)
{
	struct measure measure = started(1000);

	(void)state;
	assert_false(measure_take(&measure, START + 999 * MS, 700));
	assert_false(measure_take(&measure, START + 1050 * MS, 700)); /* beyond the second, but falling */
	assert_true(measure_take(&measure, START + 1099 * MS, 700));
}

static void one_that_never_stops_falling_is_left_after_three_seconds(void **state)
{
	struct measure measure = started(1000000);

	(void)state;
	for (unsigned int i = 1; i < 60; i++)
		assert_false(measure_take(&measure, START + i * 50 * MS, 1000000 - (int64_t)i));
	assert_true(measure_take(&measure, START + 3000 * MS, 1000000 - 60));
	assert_int_equal(measure.lowest, 1000000 - 60); /* the last reading counts */
}

static void a_target_that_is_gone_ends_it_at_once_with_what_was_seen(void **state)
{
	struct measure measure = started(1000);

	(void)state;
	assert_false(measure_take(&measure, START + 5 * MS, 600));
	assert_true(measure_take(&measure, START + 10 * MS, UNKNOWN));
	assert_int_equal(measure.lowest, 600);
}

static void an_unknown_size_before_leaves_nothing_to_measure(void **state)
{
	struct measure measure = started(UNKNOWN);

	(void)state;
	assert_true(measure_take(&measure, START, 1000));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_effect_it_waits_a_second),
		cmocka_unit_test(growth_is_no_effect),
		cmocka_unit_test(a_fall_ends_it_when_it_has_settled),
		cmocka_unit_test(each_further_fall_begins_the_calm_anew),
		cmocka_unit_test(a_rise_after_the_fall_keeps_the_lowest),
		cmocka_unit_test(a_late_effect_is_waited_for_to_its_end),
		cmocka_unit_test(one_that_never_stops_falling_is_left_after_three_seconds),
		cmocka_unit_test(a_target_that_is_gone_ends_it_at_once_with_what_was_seen),
		cmocka_unit_test(an_unknown_size_before_leaves_nothing_to_measure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
