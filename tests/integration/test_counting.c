// SPDX-License-Identifier: GPL-2.0-only
/* What the probes count on a real kernel, against what the program itself knows: to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/integration/exerciser.h"

#define MAX_TESTS 32
#define N(array) (sizeof(array) / sizeof((array)[0]))

static struct probes_limits plenty = { 0 }, two = { .processes = 2 };

static int start_probed(void **state)
{
	struct exerciser *e = malloc(sizeof(*e));

	exerciser_start(e, START_PROBED, &plenty);
	*state = e;
	return 0;
}

static int start_in_cgroup(void **state)
{
	struct exerciser *e = malloc(sizeof(*e));

	exerciser_start(e, START_CGROUP, &plenty);
	*state = e;
	return 0;
}

static int start_in_cgroup_with_room_for_two(void **state)
{
	struct exerciser *e = malloc(sizeof(*e));

	exerciser_start(e, START_CGROUP, &two);
	*state = e;
	return 0;
}

static int start_unprobed(void **state)
{
	struct exerciser *e = malloc(sizeof(*e));

	exerciser_start(e, START_UNPROBED, &plenty);
	*state = e;
	return 0;
}

static int stop(void **state)
{
	exerciser_stop(*state);
	free(*state);
	return 0;
}

static void check(struct exerciser *e)
{
	struct memgap_counters counted = exerciser_counted(e, e->pid);

	assert_same_blocks(&counted, &e->expected);
}

/* Each action, checked after each, from the program's first instruction on. */
static void do_and_check(struct exerciser *e, const char *const *actions)
{
	check(e); /* the program's own start allocates nothing */
	for (; *actions; actions++) {
		exerciser_do(e, *actions);
		check(e);
	}
}

#define DO_AND_CHECK(e, ...) do_and_check(e, (const char *const[]){ __VA_ARGS__, NULL })

static void blocks_count_with_their_usable_size(void **state)
{
	DO_AND_CHECK(*state, "malloc_all_sizes", "free_all", "calloc_blocks", "free_all");
}

static void free_of_null_counts_nothing(void **state)
{
	DO_AND_CHECK(*state, "free_null");
}

static void calls_that_fail_count_nothing(void **state)
{
	DO_AND_CHECK(*state, "calls_that_fail");
}

static void aligned_blocks_count_once(void **state)
{
	DO_AND_CHECK(*state, "aligned_blocks", "free_all", "pvalloc_block", "free_all");
}

static void realloc_from_null_is_a_malloc(void **state)
{
	DO_AND_CHECK(*state, "realloc_from_null", "free_all");
}

static void realloc_in_place_and_moving_counts_the_new_size(void **state)
{
	DO_AND_CHECK(*state, "realloc_in_place", "realloc_moving", "realloc_mmapped");
}

static void realloc_to_nothing_is_a_free(void **state)
{
	DO_AND_CHECK(*state, "realloc_to_nothing");
}

static void threads_on_all_cores_and_blocks_freed_by_others_count_exactly(void **state)
{
	struct exerciser *e = *state;

	exerciser_do(e, "threads_start");
	/* what libc allocates for its threads is real, but not ours to know */
	e->expected = exerciser_counted(e, e->pid);
	assert_int_equal(e->expected.missed, 0);
	for (int i = 0; i < 20; i++) {
		exerciser_do(e, "threads_work");
		check(e);
	}
}

static void a_thread_that_ends_frees_its_cache_for_itself_only(void **state)
{
	struct exerciser *e = *state;

	exerciser_do(e, "thread_ends");
	e->expected = exerciser_counted(e, e->pid); /* what libc allocated for the thread */
	assert_int_equal(e->expected.missed, 0);
	assert_int_equal(e->expected.early_freed, 0);
	DO_AND_CHECK(e, "thread_ends", "thread_ends");
}

static void a_block_whose_header_cannot_be_read_is_missed(void **state)
{
	DO_AND_CHECK(*state, "unreadable_header", "malloc_all_sizes", "free_all");
}

static void a_call_that_never_returns_is_missed_and_the_next_one_counts(void **state)
{
	DO_AND_CHECK(*state, "abandoned_call", "malloc_all_sizes", "free_all");
}

static void a_vfork_child_allocates_in_its_parents_name(void **state)
{
	DO_AND_CHECK(*state, "vfork_child");
}

static void address_space_flows_count_whole_pages_of_calls_that_succeed(void **state)
{
	struct exerciser *e = *state;
	struct memgap_counters before = exerciser_counted(e, e->pid), after;

	exerciser_do(e, "flows");
	exerciser_do(e, "brk_up");
	exerciser_do(e, "brk_down");
	after = exerciser_counted(e, e->pid);
	assert_int_equal(after.mapped - before.mapped, e->expected.mapped);
	assert_int_equal(after.unmapped - before.unmapped, e->expected.unmapped);
	assert_int_equal(after.returned - before.returned, e->expected.returned);
	assert_int_equal(after.brk - before.brk, e->expected.brk);
}

/* --- process life, in a watched cgroup ----------------------------------------------------------------- */

/* Forks a child and returns its pid; what it allocated beyond its parent is added to *ret_child. */
static pid_t fork_child(struct exerciser *e, struct memgap_counters *ret_child)
{
	const char *answer;
	char *end;
	pid_t pid;

	exerciser_tell(e, "fork_child");
	answer = exerciser_hear(e);
	pid = (pid_t)strtol(answer, &end, 10);
	exerciser_add(ret_child, end);
	return pid;
}

static void end_child(struct exerciser *e)
{
	exerciser_tell(e, "end_child");
	assert_string_equal(exerciser_hear(e), "ended");
}

/* The cgroup's blocks are the sum of its processes' alloc; its totals are those that were really handed out. */
static void check_cgroup(struct exerciser *e, int64_t alloc, uint64_t total_alloc, uint64_t mallocs, uint64_t frees)
{
	struct memgap_counters expected = { .alloc = alloc, .total_alloc = total_alloc, .mallocs = mallocs, .frees = frees };
	struct memgap_counters counted = exerciser_cgroup_counted(e);

	assert_same_blocks(&counted, &expected);
}

static void a_forked_child_starts_from_its_parents_counters(void **state)
{
	struct exerciser *e = *state;
	struct memgap_counters child, counted;
	pid_t pid;

	exerciser_do(e, "malloc_all_sizes");
	child = e->expected;
	pid = fork_child(e, &child);
	counted = exerciser_counted(e, pid);
	assert_same_blocks(&counted, &child);
	check(e);
	check_cgroup(e, e->expected.alloc + child.alloc, child.total_alloc, child.mallocs, child.frees);
	end_child(e);
}

static void an_exit_takes_its_live_bytes_out_of_the_cgroup_but_not_its_totals(void **state)
{
	struct exerciser *e = *state;
	struct memgap_process record;
	struct memgap_counters child;
	pid_t pid;

	exerciser_do(e, "malloc_all_sizes");
	child = e->expected;
	pid = fork_child(e, &child);
	end_child(e);
	assert_int_not_equal(probes_read_process(e->probes, pid, &record), 0);
	check_cgroup(e, e->expected.alloc, child.total_alloc, child.mallocs, child.frees);
	/* and with the last process the cgroup holds nothing */
	close(e->in);
	assert_int_equal(waitpid(e->pid, NULL, 0), e->pid);
	check_cgroup(e, 0, child.total_alloc, child.mallocs, child.frees);
}

static void an_exec_starts_anew_while_the_cgroups_totals_go_on(void **state)
{
	struct exerciser *e = *state;
	struct memgap_counters before;

	exerciser_do(e, "malloc_all_sizes");
	before = e->expected;
	exerciser_tell(e, "exec");
	assert_string_equal(exerciser_hear(e), "ready");
	e->expected = (struct memgap_counters){ 0 };
	check(e);
	check_cgroup(e, 0, before.total_alloc, before.mallocs, 0);
	exerciser_do(e, "calloc_blocks");
	check(e);
	check_cgroup(e, e->expected.alloc, before.total_alloc + e->expected.total_alloc,
		     before.mallocs + e->expected.mallocs, 0);
}

static void a_vfork_child_does_not_double_the_cgroup(void **state)
{
	struct exerciser *e = *state;

	exerciser_do(e, "malloc_all_sizes");
	exerciser_do(e, "vfork_child");
	check(e);
	check_cgroup(e, e->expected.alloc, e->expected.total_alloc, e->expected.mallocs, e->expected.frees);
}

static void a_process_that_does_not_fit_into_the_map_is_missed(void **state)
{
	struct exerciser *e = *state;
	struct memgap_process record;
	struct memgap_counters child = { 0 };
	uint64_t lost = probes_lost(e->probes);
	pid_t pid;

	/* the exerciser, and one more that never was a process */
	assert_int_equal(probes_add(e->probes, 1, 0, MEMGAP_KEEP), 0);
	pid = fork_child(e, &child);
	assert_int_not_equal(probes_read_process(e->probes, pid, &record), 0);
	assert_int_equal(probes_lost(e->probes), lost + 1);
	assert_int_equal(exerciser_cgroup_counted(e).missed, 1);
	end_child(e);
}

/* --- late attach --------------------------------------------------------------------------------------- */

static void attach_late(struct exerciser *e)
{
	assert_true(!strncmp(exerciser_attach(e).name, "glibc 2.", 8));
}

static void blocks_from_before_the_attach_are_freed_at_their_true_size(void **state)
{
	struct exerciser *e = *state;
	uint64_t held;

	exerciser_do(e, "malloc_all_sizes");
	held = (uint64_t)e->expected.alloc;
	attach_late(e);
	exerciser_do(e, "free_all");
	e->expected.alloc = 0; /* never below */
	e->expected.early_freed = held;
	check(e);
	exerciser_do(e, "calloc_blocks");
	check(e);
}

static void a_late_attach_has_no_image_time(void **state)
{
	struct exerciser *e = *state;
	struct memgap_process record;

	attach_late(e);
	assert_int_equal(probes_read_process(e->probes, e->pid, &record), 0);
	assert_int_equal(record.image_ns, 0);
}

/* Frees of old blocks by several threads at once: whatever the order, nothing gets lost. */
static void early_frees_by_many_threads_add_up(void **state)
{
	struct exerciser *e = *state;
	struct memgap_counters counted;

	exerciser_do(e, "threads_start");
	exerciser_do(e, "threads_work");
	attach_late(e);
	for (int i = 0; i < 10; i++)
		exerciser_do(e, "threads_work");
	counted = exerciser_counted(e, e->pid);
	assert_int_equal(counted.total_alloc, e->expected.total_alloc);
	assert_int_equal(counted.mallocs, e->expected.mallocs);
	assert_int_equal(counted.frees, e->expected.frees);
	assert_int_equal(counted.missed, 0);
	assert_int_equal(counted.alloc - (int64_t)counted.early_freed, e->expected.alloc);
}

#define PROBED(test) cmocka_unit_test_setup_teardown(test, start_probed, stop)
#define IN_CGROUP(test) cmocka_unit_test_setup_teardown(test, start_in_cgroup, stop)
#define UNPROBED(test) cmocka_unit_test_setup_teardown(test, start_unprobed, stop)

/* The same without return probes, which are not used on kernels where they may kill. A call that is left without a return is no loss there. */
static int run_without_returns(const struct CMUnitTest *tests, size_t n)
{
	static char names[MAX_TESTS][160];
	struct CMUnitTest without[MAX_TESTS];
	size_t kept = 0;

	plenty.no_returns = two.no_returns = true;
	for (size_t i = 0; i < n; i++) {
		if (tests[i].test_func == a_call_that_never_returns_is_missed_and_the_next_one_counts)
			continue;
		snprintf(names[kept], sizeof(names[kept]), "%s, without return probes", tests[i].name);
		without[kept] = tests[i];
		without[kept].name = names[kept];
		kept++;
	}
	return _cmocka_run_group_tests("without return probes", without, kept, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROBED(blocks_count_with_their_usable_size),
		PROBED(free_of_null_counts_nothing),
		PROBED(calls_that_fail_count_nothing),
		PROBED(aligned_blocks_count_once),
		PROBED(realloc_from_null_is_a_malloc),
		PROBED(realloc_in_place_and_moving_counts_the_new_size),
		PROBED(realloc_to_nothing_is_a_free),
		PROBED(threads_on_all_cores_and_blocks_freed_by_others_count_exactly),
		PROBED(a_thread_that_ends_frees_its_cache_for_itself_only),
		PROBED(a_block_whose_header_cannot_be_read_is_missed),
		PROBED(a_call_that_never_returns_is_missed_and_the_next_one_counts),
		PROBED(address_space_flows_count_whole_pages_of_calls_that_succeed),
		IN_CGROUP(a_vfork_child_allocates_in_its_parents_name),
		IN_CGROUP(a_vfork_child_does_not_double_the_cgroup),
		IN_CGROUP(a_forked_child_starts_from_its_parents_counters),
		IN_CGROUP(an_exit_takes_its_live_bytes_out_of_the_cgroup_but_not_its_totals),
		IN_CGROUP(an_exec_starts_anew_while_the_cgroups_totals_go_on),
		cmocka_unit_test_setup_teardown(a_process_that_does_not_fit_into_the_map_is_missed,
						start_in_cgroup_with_room_for_two, stop),
		UNPROBED(blocks_from_before_the_attach_are_freed_at_their_true_size),
		UNPROBED(a_late_attach_has_no_image_time),
		UNPROBED(early_frees_by_many_threads_add_up),
	};

	_Static_assert(N(tests) <= MAX_TESTS, "there is room for all");
	return cmocka_run_group_tests(tests, NULL, NULL) + run_without_returns(tests, N(tests));
}
