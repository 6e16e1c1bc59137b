// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/base/fs.h"
#include "user/http/pulse.h"

#define SECOND 1000000000ULL

/* As if that long had passed since. */
static void age(struct pulse *pulse, uint64_t ns)
{
	pulse->start_ns -= ns;
	pulse->last_ns -= ns;
}

static void it_is_well_as_long_as_intervals_come(void **state)
{
	struct pulse pulse;

	(void)state;
	pulse_init(&pulse, 2 * SECOND);
	pulse_beat(&pulse);
	assert_true(pulse_is_well(&pulse));
	age(&pulse, 10 * SECOND);
	assert_true(pulse_is_well(&pulse));
	age(&pulse, 2 * SECOND);
	assert_false(pulse_is_well(&pulse));
	pulse_beat(&pulse);
	assert_true(pulse_is_well(&pulse));
}

static void a_start_may_take_longer(void **state)
{
	struct pulse pulse;

	(void)state;
	pulse_init(&pulse, 2 * SECOND);
	age(&pulse, 60 * SECOND);
	assert_true(pulse_is_well(&pulse));
	age(&pulse, 10 * SECOND);
	assert_false(pulse_is_well(&pulse));
}

static void delays_are_summed_and_the_longest_is_kept(void **state)
{
	struct pulse pulse;

	(void)state;
	pulse_init(&pulse, 1000 * SECOND);
	pulse_beat(&pulse); /* the first one has none before it */
	assert_int_equal(pulse.late_ns, 0);
	age(&pulse, 1005 * SECOND);
	pulse_beat(&pulse);
	assert_int_equal(pulse.latest_ns / SECOND, 5);
	age(&pulse, 1002 * SECOND);
	pulse_beat(&pulse);
	assert_int_equal(pulse.latest_ns / SECOND, 2);
	assert_int_equal(pulse.longest_ns / SECOND, 5);
	assert_int_equal(pulse.late_ns / SECOND, 7);
	age(&pulse, 999 * SECOND);
	pulse_beat(&pulse);
	assert_int_equal(pulse.latest_ns, 0);
	assert_int_equal(pulse.intervals, 4);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_well_as_long_as_intervals_come),
		cmocka_unit_test(a_start_may_take_longer),
		cmocka_unit_test(delays_are_summed_and_the_longest_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
