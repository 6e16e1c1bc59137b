// SPDX-License-Identifier: GPL-2.0-only
/* What is shown of a process whose probes come and go: it goes on, never back, and adds up. */
#include "tests/unit/helpers.h"

#include "user/base/units.h"
#include "user/governor/holes.h"

#define MS 1000000LL

/* A program that hands out 1000 bytes a microsecond of its CPU time, and gives back as many. */
struct program {
	struct memgap_counters counters; /* the kernel side's */
	int64_t cpu_ns, truth;
	bool probed;
};

static struct counts now(const struct program *program)
{
	return counts_of(&program->counters);
}

static void run(struct program *program, int64_t ns)
{
	uint64_t blocks = (uint64_t)ns / 1000;

	program->cpu_ns += ns;
	program->truth += (int64_t)blocks * 1000;
	if (!program->probed)
		return;
	program->counters.total_alloc += blocks * 1000;
	program->counters.freed += blocks * 1000;
	program->counters.mallocs += blocks;
	program->counters.frees += blocks;
}

static int64_t shown(const struct holes *holes, const struct program *program)
{
	struct counts counts = now(program), filled = holes_fill(holes, &counts);

	return filled.total_alloc;
}

/* Probes that go: they count on for a while, until the kernel has taken them all away. */
static void away(struct holes *holes, struct program *program, bool from_window)
{
	struct counts counts = now(program);

	if (from_window)
		holes_end_window(holes, &counts, program->cpu_ns, 0);
	else
		holes_begin(holes, &counts, program->cpu_ns);
	run(program, 3 * MS);
	holes_advance(holes, program->cpu_ns);
	program->probed = false;
}

static void back(struct holes *holes, struct program *program)
{
	struct counts counts;

	program->probed = true;
	counts = now(program);
	holes_end(holes, &counts, program->cpu_ns);
}

static void without_holes_it_is_what_was_counted(void **state)
{
	struct program program = { .probed = true };
	struct holes holes = { 0 };

	(void)state;
	run(&program, 100 * MS);
	assert_int_equal(shown(&holes, &program), program.truth);
}

static void the_total_goes_on_and_never_back_while_probes_come_and_go(void **state)
{
	struct program program = { .probed = true };
	struct holes holes = { 0 };
	int64_t last = 0;

	(void)state;
	run(&program, 100 * MS);
	away(&holes, &program, false);
	for (int i = 0; i < 50; i++) {
		for (int j = 0; j < 10; j++) {
			run(&program, 20 * MS);
			holes_advance(&holes, program.cpu_ns);
			assert_true(shown(&holes, &program) >= last);
			last = shown(&holes, &program);
		}
		back(&holes, &program);
		assert_true(shown(&holes, &program) >= last);
		run(&program, 20 * MS);
		away(&holes, &program, true);
		assert_true(shown(&holes, &program) >= last);
		last = shown(&holes, &program);
	}
	back(&holes, &program);
	run(&program, 1000 * MS);
	/* a rate that never changes is estimated exactly: what is counted while they are taken away is not counted twice */
	assert_in_range(shown(&holes, &program), program.truth - 100000, program.truth + 100000);
}

static void the_time_that_probes_took_is_not_the_programs(void **state)
{
	struct program program = { .probed = true };
	struct holes holes = { 0 };
	struct counts counts = now(&program);

	(void)state;
	holes_begin(&holes, &counts, program.cpu_ns);
	program.probed = false;
	run(&program, 100 * MS);
	back(&holes, &program);
	run(&program, 10 * MS);
	program.cpu_ns += 10 * MS; /* in traps */
	counts = now(&program);
	holes_end_window(&holes, &counts, program.cpu_ns, 10 * MS);
	program.probed = false;
	run(&program, 100 * MS);
	holes_advance(&holes, program.cpu_ns);
	assert_in_range(shown(&holes, &program), program.truth - 100000, program.truth + 100000);
	/* as far as that time is known */
	assert_true(holes_error_of_total(&holes) > program.truth / 10);
}

static void who_ends_before_a_window_did_as_others_do_or_nobody_knows(void **state)
{
	const struct pool nobody = { 0 }, others = { .seconds = 2, .total_alloc = 2e9, .mallocs = 2e6, .frees = 2e6 };
	struct program program = { .probed = false };
	struct holes holes = { 0 };
	struct counts counts = now(&program);

	(void)state;
	holes_begin(&holes, &counts, program.cpu_ns);
	run(&program, 100 * MS);
	holes_advance(&holes, program.cpu_ns);
	assert_int_equal(holes_error_of_total(&holes), UNKNOWN);
	holes_value(&holes, &nobody);
	assert_int_equal(holes_error_of_total(&holes), UNKNOWN);
	holes_value(&holes, &others);
	assert_in_range(shown(&holes, &program), 99999999, 100000001);
	assert_in_range(holes_error_of_total(&holes), 99999999, 100000001);
	assert_int_equal(holes_error_of_net(&holes), UNKNOWN);
}

static void a_block_that_was_never_seen_is_taken_for_one_like_the_others(void **state)
{
	const struct memgap_counters counters = { .total_alloc = 1000, .freed = 300, .mallocs = 10, .frees = 3, .unknown_frees = 2 };
	struct counts counts = counts_of(&counters);

	(void)state;
	assert_int_equal(counts.total_alloc, 1000);
	assert_int_equal(counts.net, 500);
	assert_int_equal(counts.mallocs, 10);
	assert_int_equal(counts.frees, 5);
}

static void counters_of_nothing_are_no_division_by_zero(void **state)
{
	const struct memgap_counters counters = { .unknown_frees = 5 };

	(void)state;
	assert_int_equal(counts_of(&counters).net, 0);
	assert_int_equal(counts_of(&counters).frees, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_holes_it_is_what_was_counted),
		cmocka_unit_test(the_total_goes_on_and_never_back_while_probes_come_and_go),
		cmocka_unit_test(the_time_that_probes_took_is_not_the_programs),
		cmocka_unit_test(who_ends_before_a_window_did_as_others_do_or_nobody_knows),
		cmocka_unit_test(a_block_that_was_never_seen_is_taken_for_one_like_the_others),
		cmocka_unit_test(counters_of_nothing_are_no_division_by_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
