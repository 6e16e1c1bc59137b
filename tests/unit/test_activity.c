// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <sys/mman.h>

#include "user/kernel/activity.h"

static void a_change_is_seen_and_a_second_look_sees_none(void **state)
{
	struct tree tree = tree_make();
	struct activity activity;

	(void)state;
	tree_mkdir(&tree, "7");
	tree_write(&tree, "7/statm", "100 50 20 1 0 30 0\n");
	assert_int_equal(activity_open(tree.fd, 7, &activity), 0);
	assert_int_equal(activity_look(&activity), ACTIVITY_CHANGED);
	assert_int_equal(activity_look(&activity), ACTIVITY_SAME);
	tree_write(&tree, "7/statm", "100 51 20 1 0 30 0\n");
	assert_int_equal(activity_look(&activity), ACTIVITY_CHANGED);
	assert_int_equal(activity_look(&activity), ACTIVITY_SAME);
	/* a zombie's, or one's whose first thread has ended: to be looked at closer, each time */
	tree_write(&tree, "7/statm", "0 0 0 0 0 0 0\n");
	assert_int_equal(activity_look(&activity), ACTIVITY_CHANGED);
	assert_int_equal(activity_look(&activity), ACTIVITY_CHANGED);
	activity_close(&activity);
	activity_close(&activity);
	tree_remove(&tree);
}

static void nobody_has_none(void **state)
{
	struct tree tree = tree_make();
	struct activity activity;

	(void)state;
	assert_int_equal(activity_open(tree.fd, 7, &activity), -ENOENT);
	assert_int_equal(activity.fd, -1);
	tree_remove(&tree);
}

static void a_process_that_has_ended_is_gone_whoever_has_its_pid(void **state)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY);
	struct activity activity;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		pause();
		_exit(0);
	}
	assert_int_equal(activity_open(proc_fd, pid, &activity), 0);
	assert_int_equal(activity_look(&activity), ACTIVITY_CHANGED);
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	assert_int_equal(activity_look(&activity), ACTIVITY_CHANGED); /* a zombie */
	waitpid(pid, NULL, 0);
	assert_int_equal(activity_look(&activity), ACTIVITY_GONE);
	activity_close(&activity);
	close(proc_fd);
}

static void our_own_growth_is_seen(void **state)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY);
	struct activity activity;
	char *memory;

	(void)state;
	assert_int_equal(activity_open(proc_fd, getpid(), &activity), 0);
	activity_look(&activity);
	memory = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	memset(memory, 1, 4 << 20);
	assert_int_equal(activity_look(&activity), ACTIVITY_CHANGED);
	munmap(memory, 4 << 20);
	activity_close(&activity);
	close(proc_fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_seen_and_a_second_look_sees_none),
		cmocka_unit_test(nobody_has_none),
		cmocka_unit_test(a_process_that_has_ended_is_gone_whoever_has_its_pid),
		cmocka_unit_test(our_own_growth_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
