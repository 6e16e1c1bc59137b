// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/allocator/cost.h"
#include "user/allocator/exits.h"
#include "user/base/units.h"

static const struct probe_cost cost = { .emulated = 500, .stepped = 17000, .returned = 200 };

#define FUNCTION(kind, entry_offset, entry_emulated, return_offset, return_emulated)         \
	{ .call = (kind), .sites = { { .offset = (entry_offset), .emulated = (entry_emulated) }, \
				     { .offset = (return_offset), .emulated = (return_emulated) } } }
#define FREE MEMGAP_CALL_FREE
#define MALLOC MEMGAP_CALL_MALLOC

static void a_call_costs_a_hit_for_each_place_and_the_return(void **state)
{
	static const struct {
		const char *name;
		struct library_function function;
		int64_t ns;
	} rows[] = {
		{ "free at a cheap place", FUNCTION(FREE, 9, true, 0, false), 500 },
		{ "free at a dear place", FUNCTION(FREE, 0, false, 0, false), 17000 },
		{ "malloc, one cheap place for both", FUNCTION(MALLOC, 4, true, 4, true), 500 + 200 },
		{ "malloc, one dear place for both", FUNCTION(MALLOC, 0, false, 0, false), 17000 + 200 },
		{ "operator new, which may throw", { .call = MALLOC, .ends_at_exits = true, .sites.entry.emulated = true },
		  500 + (EXITS_EMULATED ? 500 : 17000) },
		{ "malloc, two cheap places", FUNCTION(MALLOC, 4, true, 9, true), 500 + 500 + 200 },
		{ "malloc, a cheap place and a dear one", FUNCTION(MALLOC, 4, true, 0, false), 500 + 17000 + 200 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i].name, cost_of_call(&cost, &rows[i].function) == rows[i].ns);
}

static void what_was_not_measured_makes_the_sum_unknown_and_not_0(void **state)
{
	static const struct library_function cheap = FUNCTION(MALLOC, 0, true, 0, true), cheap_free = FUNCTION(FREE, 0, true, 0, true),
					     dear = FUNCTION(FREE, 0, false, 0, false);
	struct probe_cost partial = cost;

	(void)state;
	assert_true(cost_of_call(&unknown_cost, &cheap) == UNKNOWN);
	assert_true(cost_of_call(&unknown_cost, &dear) == UNKNOWN);
	partial.returned = UNKNOWN;
	assert_true(cost_of_call(&partial, &cheap) == UNKNOWN);
	assert_true(cost_of_call(&partial, &cheap_free) == 500);
	partial.stepped = UNKNOWN;
	assert_true(cost_of_call(&partial, &dear) == UNKNOWN);
}

static void the_median_is_no_outlier(void **state)
{
	int64_t one[] = { 7 }, five[] = { 1000000, 3, -9, 4, 5 }, equal[] = { 2, 2, 2 };

	(void)state;
	assert_int_equal(cost_median(one, 1), 7);
	assert_int_equal(cost_median(five, 5), 4);
	assert_int_equal(cost_median(equal, 3), 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_costs_a_hit_for_each_place_and_the_return),
		cmocka_unit_test(what_was_not_measured_makes_the_sum_unknown_and_not_0),
		cmocka_unit_test(the_median_is_no_outlier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
