// SPDX-License-Identifier: GPL-2.0-only
/* Lines that the kernel side watches, on a real kernel: who crosses one, what is known of it, and what the loader may do meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/exerciser.h"
#include "user/allocator/lines.h"
#include "user/allocator/records.h"

#define FAR_BYTES (1LL << 40)

static int start(void **state)
{
	static const struct probes_limits plenty = { 0 };
	struct exerciser *e = malloc(sizeof(*e));

	exerciser_start(e, START_PROBED, &plenty);
	*state = e;
	return 0;
}

static int start_in_cgroup(void **state)
{
	static const struct probes_limits plenty = { 0 };
	struct exerciser *e = malloc(sizeof(*e));

	exerciser_start(e, START_CGROUP, &plenty);
	*state = e;
	return 0;
}

static int stop(void **state)
{
	exerciser_stop(*state);
	free(*state);
	return 0;
}

static struct line_owner draw(struct exerciser *e, int64_t bytes, pid_t asked)
{
	struct line_owner owner = { .pid = e->pid };

	assert_int_equal(lines_draw(e->probes, &owner, bytes, SIGUSR1, asked), 0);
	return owner;
}

static void an_allocation_crosses_a_line_and_nobody_else_is_asked(void **state)
{
	struct exerciser *e = *state;
	struct line_owner owner = draw(e, 1, 0);
	struct memgap_line crossed;

	assert_false(lines_crossed(e->probes, &owner, &crossed));
	exerciser_do(e, "malloc_all_sizes");
	assert_true(lines_crossed(e->probes, &owner, &crossed));
	assert_int_equal(crossed.by, e->pid);
	assert_int_equal(crossed.result, MEMGAP_CROSSED_BY_OTHER);
	assert_true(crossed.done_ns >= crossed.crossed_ns && crossed.crossed_ns);
}

static void who_does_not_expect_the_signal_is_not_sent_it(void **state)
{
	struct exerciser *e = *state;
	struct line_owner owner = draw(e, 1, e->pid);
	struct memgap_line crossed;

	exerciser_do(e, "malloc_all_sizes");
	assert_true(lines_crossed(e->probes, &owner, &crossed));
	assert_int_equal(crossed.result, MEMGAP_CROSSED_UNEXPECTED);
	exerciser_do(e, "free_all"); /* it lives */
}

static void a_line_that_is_erased_is_not_crossed(void **state)
{
	struct exerciser *e = *state;
	struct line_owner owner = draw(e, FAR_BYTES, 0);
	struct memgap_line crossed;

	exerciser_do(e, "malloc_all_sizes");
	assert_false(lines_crossed(e->probes, &owner, &crossed));
	assert_true(lines_erase(e->probes, &owner));
	owner = draw(e, 1, 0);
	assert_true(lines_erase(e->probes, &owner));
	exerciser_do(e, "malloc_all_sizes");
	assert_false(lines_crossed(e->probes, &owner, &crossed));
}

/* Else it would be drawn anew, and a second signal follow the first. */
static void a_line_that_was_crossed_before_it_is_erased_still_tells(void **state)
{
	struct exerciser *e = *state;
	struct line_owner owner = draw(e, 1, 0);
	struct memgap_line crossed;

	exerciser_do(e, "malloc_all_sizes");
	assert_false(lines_erase(e->probes, &owner));
	assert_true(lines_crossed(e->probes, &owner, &crossed));
	assert_int_equal(crossed.by, e->pid);
}

/* Its record is nobody's by then. */
static void who_crosses_a_line_and_exits_has_crossed_it(void **state)
{
	struct exerciser *e = *state;
	struct line_owner owner = draw(e, 1, e->pid);
	struct memgap_line crossed;

	exerciser_do(e, "malloc_all_sizes");
	probes_remove(e->probes, e->pid);
	assert_false(lines_erase(e->probes, &owner));
	assert_true(lines_crossed(e->probes, &owner, &crossed));
	assert_int_equal(crossed.by, e->pid);
}

/* Else the others would cross the line with what it held. */
static void what_a_process_holds_counts_towards_its_cgroups_line_until_it_exits(void **state)
{
	struct exerciser *e = *state;
	struct line_owner owner = { .slot = 1 };
	const struct memgap_line *line = &probes_records(e->probes)->lines[MEMGAP_LINE_OF_CGROUP + 1];
	uint32_t record = 0;

	assert_int_equal(lines_draw(e->probes, &owner, FAR_BYTES, SIGUSR1, 0), 0);
	lines_join(e->probes, &owner, e->pid, &record);
	exerciser_do(e, "malloc_all_sizes");
	assert_true(e->expected.total_alloc > 0);
	assert_int_equal(line->left, FAR_BYTES - (int64_t)e->expected.total_alloc);
	close(e->in);
	assert_int_equal(waitpid(e->pid, NULL, 0), e->pid);
	assert_int_equal(line->left, FAR_BYTES);
}

#define PROBED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROBED(an_allocation_crosses_a_line_and_nobody_else_is_asked),
		PROBED(who_does_not_expect_the_signal_is_not_sent_it),
		PROBED(a_line_that_is_erased_is_not_crossed),
		PROBED(a_line_that_was_crossed_before_it_is_erased_still_tells),
		PROBED(who_crosses_a_line_and_exits_has_crossed_it),
		cmocka_unit_test_setup_teardown(what_a_process_holds_counts_towards_its_cgroups_line_until_it_exits, start_in_cgroup, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
