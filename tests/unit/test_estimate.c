// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was not counted, estimated from windows, against programs of which all is known: the estimate is right, and
 * wrong by no more than it says in 95 of 100 cases.
 */
#include "tests/unit/helpers.h"

#include <math.h>

#include "user/governor/estimate.h"

#define WINDOW_S 0.02
#define GAP_S 0.5
#define PROGRAMS 200
#define WINDOWS 100

static uint32_t random_state;

/* Uniform in [0, 1): Numerical Recipes' generator, as good as this needs. */
static double any(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state / 4294967296.0;
}

/* What a program does in so long a time, in pieces of 5 ms each of which is chance. */
static double do_work(double seconds, double rate, double spread)
{
	double sum = 0;

	for (int i = 0; i * 0.005 < seconds - 1e-9; i++)
		sum += rate * 0.005 * (1 + spread * (2 * any() - 1));
	return sum;
}

/* How many of the programs were within the error; the rate is a function of the window's number. */
static unsigned int count_right(double (*rate)(unsigned int window), double spread, double *ret_worst_part)
{
	unsigned int right = 0;

	random_state = 1;
	*ret_worst_part = 0;
	for (unsigned int i = 0; i < PROGRAMS; i++) {
		struct estimate estimate = { 0 };
		double truth = 0, wrong;

		for (unsigned int w = 0; w < WINDOWS; w++) {
			double uncounted = do_work(GAP_S, rate(w), spread);

			truth += uncounted;
			for (int part = 0; part < 5; part++)
				estimate_gap(&estimate, GAP_S / 5);
			estimate_window(&estimate, do_work(WINDOW_S, rate(w), spread), WINDOW_S, 0);
		}
		wrong = fabs(estimate.amount - truth);
		right += wrong <= estimate_error(&estimate);
		*ret_worst_part = fmax(*ret_worst_part, wrong / truth);
	}
	return right;
}

static double steady(unsigned int window)
{
	(void)window;
	return 1e6;
}

static double phases(unsigned int window)
{
	return window / 10 % 2 ? 1e5 : 1e6;
}

static double rising(unsigned int window)
{
	return 1e4 * window + 1e4;
}

static void a_steady_program_is_estimated_well(void **state)
{
	double worst;

	(void)state;
	assert_in_range(count_right(steady, 0.5, &worst), PROGRAMS * 95 / 100, PROGRAMS);
	assert_true(worst < 0.1);
}

static void a_program_with_phases_is_within_the_error(void **state)
{
	double worst;

	(void)state;
	assert_in_range(count_right(phases, 0.5, &worst), PROGRAMS * 95 / 100, PROGRAMS);
}

static void a_program_that_does_more_and_more_is_within_the_error(void **state)
{
	double worst;

	(void)state;
	assert_in_range(count_right(rising, 0.5, &worst), PROGRAMS * 95 / 100, PROGRAMS);
}

static void what_came_before_the_first_window_is_estimated_when_that_is_over(void **state)
{
	struct estimate estimate = { 0 };

	(void)state;
	estimate_gap(&estimate, 1);
	assert_true(estimate.amount == 0);
	estimate_window(&estimate, 100, 0.1, 0);
	assert_true(fabs(estimate.amount - 1000) < 1e-6);
	/* of one window alone nobody knows much */
	assert_true(estimate_error(&estimate) > 500);
}

static void a_program_that_does_nothing_is_no_division_by_zero(void **state)
{
	struct estimate estimate = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		estimate_gap(&estimate, 0);
		estimate_window(&estimate, 0, 0, 0);
	}
	assert_true(estimate.amount == 0 && estimate_error(&estimate) == 0);
	estimate_window(&estimate, 10, 0.01, 0);
	estimate_gap(&estimate, 1);
	assert_true(isfinite(estimate.amount) && isfinite(estimate_error(&estimate)));
}

static void bias_adds_up(void **state)
{
	struct estimate estimate = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		estimate_window(&estimate, 100, 0.1, 0.2);
		estimate_gap(&estimate, 1);
	}
	assert_true(fabs(estimate.amount - 100000) < 1);
	assert_true(estimate_error(&estimate) > 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_program_is_estimated_well),
		cmocka_unit_test(a_program_with_phases_is_within_the_error),
		cmocka_unit_test(a_program_that_does_more_and_more_is_within_the_error),
		cmocka_unit_test(what_came_before_the_first_window_is_estimated_when_that_is_over),
		cmocka_unit_test(a_program_that_does_nothing_is_no_division_by_zero),
		cmocka_unit_test(bias_adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
