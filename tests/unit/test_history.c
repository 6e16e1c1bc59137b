// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <math.h>

#include "user/base/units.h"
#include "user/gap/history.h"

#define MIB (1024 * 1024LL)

/* Bytes at a time, in seconds. */
typedef int64_t (*shape)(double at_s);

/* From 0 to 1, the same each time (a hash of the second, after Bob Jenkins's one-at-a-time). */
static double noise(double at_s)
{
	uint32_t x = (uint32_t)(at_s * 10) * 2654435761U;

	x = (x ^ (x >> 15)) * 0x85ebca6bU;
	x = (x ^ (x >> 13)) * 0xc2b2ae35U;
	return (double)(x ^ (x >> 16)) / UINT32_MAX;
}

static double wave(double at_s, double period_s)
{
	return fmod(at_s, period_s) / period_s;
}

/* Feeds a shape for some time; returns in how many of the samples after `after_s` it was found to grow. */
static int feed(struct history *history, shape shape, double from_s, double to_s, double every_s, double after_s)
{
	int growing = 0;

	for (int i = 0; from_s + i * every_s <= to_s; i++) {
		double at = from_s + i * every_s;

		history_add(history, at, shape(at));
		growing += at > after_s && history->growth.over_s > 0;
	}
	return growing;
}

static int64_t flat(double at_s)
{
	(void)at_s;
	return 100 * MIB;
}

static int64_t jitter(double at_s)
{
	return 100 * MIB + (int64_t)(noise(at_s) * 10 * MIB);
}

static int64_t leak(double at_s)
{
	return 10 * MIB + (int64_t)(at_s * MIB);
}

static int64_t slow_leak_under_noise(double at_s)
{
	return jitter(at_s) + (int64_t)(at_s * 0.2 * MIB);
}

static int64_t saw_10_s(double at_s)
{
	return 20 * MIB + (int64_t)(wave(at_s, 10) * 50 * MIB);
}

static int64_t saw_60_s(double at_s)
{
	return 20 * MIB + (int64_t)(wave(at_s, 60) * 50 * MIB);
}

static int64_t saw_5_minutes(double at_s)
{
	return 20 * MIB + (int64_t)((wave(at_s, 300) + noise(at_s) / 50) * 50 * MIB);
}

static int64_t leaking_saw(double at_s)
{
	return saw_10_s(at_s) + (int64_t)(at_s * MIB);
}

static int64_t warm_up(double at_s)
{
	return at_s < 10 ? (int64_t)(at_s * 10 * MIB) : 100 * MIB;
}

/* What fills to a bound: half of what is missing each 5 s. */
static int64_t cache_fills(double at_s)
{
	return (int64_t)(100 * MIB * (1 - exp2(-at_s / 5)));
}

static void what_stands_still_or_goes_up_and_down_does_not_grow(void **state)
{
	static const struct {
		const char *name;
		shape shape;
		double after_s; /* the first rise looks like any other */
	} rows[] = {
		{ "flat", flat, 0 },
		{ "ten percent of noise", jitter, 0 },
		{ "waves of 10 s", saw_10_s, 10 },
		{ "waves of a minute", saw_60_s, 61 },
		{ "waves of five minutes", saw_5_minutes, 301 },
		{ "a warm-up of 10 s", warm_up, 30 },
		{ "a cache that fills", cache_fills, 50 }, /* ten half-lives */
	};
	static const double intervals[] = { 0.2, 1, 10 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t j = 0; j < COUNT_OF(intervals); j++) {
			struct history history;
			int wrong;

			history_init(&history);
			wrong = feed(&history, rows[i].shape, 0, 3 * 3600, intervals[j], rows[i].after_s);
			if (wrong)
				fail_msg("%s, sampled every %.1f s: found to grow in %d samples", rows[i].name, intervals[j], wrong);
		}
}

/* Another random figure each 3 s: sampled more often, it goes up in a few steps now and then. */
static int64_t staircase(double at_s)
{
	return 20 * MIB + (int64_t)(noise(floor(at_s / 3) * 7.3) * 10 * MIB);
}

static void a_few_chance_steps_up_are_no_growth(void **state)
{
	int growing = 0;

	(void)state;
	for (int run = 0; run < 100; run++) {
		struct history history;

		history_init(&history);
		growing += feed(&history, staircase, 30 * run, 30 * run + 29, 1, 0);
	}
	assert_int_equal(growing, 0);
}

static void a_leak_is_found_in_12_s_and_its_rate_is_right(void **state)
{
	struct history history;

	(void)state;
	history_init(&history);
	assert_int_equal(feed(&history, leak, 0, 12, 1, 11.5), 1);
	assert_float_equal(history.growth.bytes_per_s, (double)MIB, 0.02 * MIB);
	assert_true(history.growth.from >= 10 * MIB && history.growth.to <= 23 * MIB);
	/* and stays one, over a longer and longer time */
	assert_int_equal(feed(&history, leak, 13, 3600, 1, 12.5), 3588);
	assert_true(history.growth.over_s > 1000);
	assert_float_equal(history.growth.bytes_per_s, (double)MIB, 0.02 * MIB);
}

static void a_slow_leak_under_noise_is_found_in_five_minutes(void **state)
{
	struct history history;

	(void)state;
	history_init(&history);
	assert_int_not_equal(feed(&history, slow_leak_under_noise, 0, 300, 1, 299.5), 0);
	assert_float_equal(history.growth.bytes_per_s, 0.2 * MIB, 0.05 * MIB);
}

static void a_leak_below_waves_is_found(void **state)
{
	struct history history;

	(void)state;
	history_init(&history);
	assert_int_not_equal(feed(&history, leaking_saw, 0, 300, 1, 290), 0);
	assert_float_equal(history.growth.bytes_per_s, (double)MIB, 0.2 * MIB);
}

static void a_leak_that_begins_after_hours_is_found_in_a_minute(void **state)
{
	struct history history;

	(void)state;
	history_init(&history);
	assert_int_equal(feed(&history, flat, 0, 3 * 3600, 1, 0), 0);
	for (int i = 0; i < 60; i++)
		history_add(&history, 3 * 3600 + 1 + i, 100 * MIB + i * MIB);
	assert_true(history.growth.over_s > 0);
	assert_float_equal(history.growth.bytes_per_s, (double)MIB, 0.1 * MIB);
}

static void growth_is_over_at_once_when_it_falls_back(void **state)
{
	struct history history;

	(void)state;
	history_init(&history);
	feed(&history, leak, 0, 600, 1, 0);
	assert_true(history.growth.over_s > 0);
	history_add(&history, 601, 20 * MIB);
	history_add(&history, 602, 20 * MIB);
	assert_true(history.growth.over_s == 0);
}

static void few_samples_and_unknown_ones_say_nothing(void **state)
{
	struct history history;

	(void)state;
	history_init(&history);
	assert_int_equal(feed(&history, leak, 0, 7, 1, -1), 0);
	for (int i = 0; i < 100; i++)
		history_add(&history, 8 + i, UNKNOWN);
	assert_true(history.growth.over_s == 0);
	assert_int_equal(history.levels[0].n, 7);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stands_still_or_goes_up_and_down_does_not_grow),
		cmocka_unit_test(a_few_chance_steps_up_are_no_growth),
		cmocka_unit_test(a_leak_is_found_in_12_s_and_its_rate_is_right),
		cmocka_unit_test(a_slow_leak_under_noise_is_found_in_five_minutes),
		cmocka_unit_test(a_leak_below_waves_is_found),
		cmocka_unit_test(a_leak_that_begins_after_hours_is_found_in_a_minute),
		cmocka_unit_test(growth_is_over_at_once_when_it_falls_back),
		cmocka_unit_test(few_samples_and_unknown_ones_say_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
