// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/cmd/targets.h"

static void a_process_row_is_of_that_process_alone(void **state)
{
	struct watched_cgroup home = { .slot = 1 };
	struct watched_process process = { .cgroup = &home }, other = { .cgroup = &home };
	struct row row = { .process = &process };

	(void)state;
	assert_true(row_has(&row, &process));
	assert_false(row_has(&row, &other));
}

static void a_cgroup_row_is_of_the_processes_in_it_and_below_it(void **state)
{
	struct watched_cgroup top = { .slot = 1 }, middle = { .slot = 2, .parent = &top }, low = { .slot = 3, .parent = &middle };
	struct watched_process in_top = { .cgroup = &top }, in_low = { .cgroup = &low }, in_none = { .cgroup = NULL };
	struct row top_row = { .cgroup = &top }, middle_row = { .cgroup = &middle }, low_row = { .cgroup = &low };

	(void)state;
	assert_true(row_has(&top_row, &in_top));
	assert_true(row_has(&top_row, &in_low));
	assert_true(row_has(&middle_row, &in_low));
	assert_true(row_has(&low_row, &in_low));
	assert_false(row_has(&middle_row, &in_top)); /* above it */
	assert_false(row_has(&low_row, &in_top));
	assert_false(row_has(&top_row, &in_none));
}

static void a_process_is_found_by_its_pid_in_the_sorted_list(void **state)
{
	struct watched_process list[] = { { .id.pid = 3 }, { .id.pid = 5 }, { .id.pid = 9 } };
	struct watched_process *pointers[] = { &list[0], &list[1], &list[2] };
	struct targets targets = { .processes = pointers, .n_processes = 3 }, empty = { .processes = NULL };

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(targets_find(&targets, list[i].id.pid), &list[i]);
	for (int i = 0; i < 4; i++)
		assert_null(targets_find(&targets, (const pid_t[]){ 2, 4, 6, 10 }[i]));
	assert_null(targets_find(&empty, 3));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_row_is_of_that_process_alone),
		cmocka_unit_test(a_cgroup_row_is_of_the_processes_in_it_and_below_it),
		cmocka_unit_test(a_process_is_found_by_its_pid_in_the_sorted_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
