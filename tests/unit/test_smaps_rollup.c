// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <sys/mman.h>

#include "user/base/units.h"
#include "user/kernel/smaps_rollup.h"

#define KIB 1024LL
#define HEADER "55d4a8e6e000-7ffd7b9f2000 ---p 00000000 00:00 0                          [rollup]\n"

/* The lines of kernel 6.18. */
static const char whole[] =
	HEADER
	"Rss:              101760 kB\n"
	"Pss:              100394 kB\n"
	"Pss_Dirty:          1112 kB\n"
	"Pss_Anon:          90112 kB\n"
	"Pss_File:           8282 kB\n"
	"Pss_Shmem:          2000 kB\n"
	"Shared_Clean:       1592 kB\n"
	"Shared_Dirty:          3 kB\n"
	"Private_Clean:        56 kB\n"
	"Private_Dirty:       113 kB\n"
	"Referenced:         1761 kB\n"
	"Anonymous:         90114 kB\n"
	"KSM:                   4 kB\n"
	"LazyFree:           4096 kB\n"
	"AnonHugePages:      2048 kB\n"
	"ShmemPmdMapped:        5 kB\n"
	"FilePmdMapped:         6 kB\n"
	"Shared_Hugetlb:        7 kB\n"
	"Private_Hugetlb:       8 kB\n"
	"Swap:                500 kB\n"
	"SwapPss:             250 kB\n"
	"Locked:               64 kB\n";

static void each_figure_comes_from_its_line_in_bytes(void **state)
{
	struct smaps_rollup rollup;

	(void)state;
	assert_int_equal(smaps_rollup_parse(whole, &rollup), 0);
	assert_true(rollup.rss == 101760 * KIB);
	assert_true(rollup.pss == 100394 * KIB);
	assert_true(rollup.pss_anon == 90112 * KIB);
	assert_true(rollup.pss_file == 8282 * KIB);
	assert_true(rollup.pss_shmem == 2000 * KIB);
	assert_true(rollup.anonymous == 90114 * KIB);
	assert_true(rollup.lazyfree == 4096 * KIB);
	assert_true(rollup.swap == 500 * KIB);
	assert_true(rollup.swap_pss == 250 * KIB);
	assert_true(rollup.locked == 64 * KIB);
}

/* Kernel 4.19. */
static void what_an_old_kernel_does_not_show_is_unknown_and_not_0(void **state)
{
	struct smaps_rollup rollup;

	(void)state;
	assert_int_equal(smaps_rollup_parse(HEADER "Rss:  12 kB\nPss:  7 kB\nAnonymous:  5 kB\nLazyFree:  0 kB\n", &rollup), 0);
	assert_true(rollup.rss == 12 * KIB);
	assert_true(rollup.pss == 7 * KIB);
	assert_true(rollup.lazyfree == 0);
	assert_true(rollup.pss_anon == UNKNOWN);
	assert_true(rollup.pss_shmem == UNKNOWN);
}

static void a_text_without_memory_is_of_no_process_and_nothing_is_written(void **state)
{
	static const char *const rows[] = {
		"", "\n", HEADER, HEADER "Pss:  12 kB\n", "Rss:\n", "Rss: kB\n", "Rss:  12\n", "Rss:  12 KB\n", "Rss:  12kB\n",
		"Rss:  12 kB", "Rss:  12 kB \n", "Rss:  -12 kB\n", "Rss:  +12 kB\n", "Rss:  1x2 kB\n", " Rss:  12 kB\n", "xRss:  12 kB\n",
		"Rss  12 kB\n", "Rss:\n12 kB\n", "Rss:  9007199254740992 kB\n",
		"Rss:  9007199254740993 kB\n", "Rss:  99999999999999999999999 kB\n", "\xff\xfe\x01\n",
		"55d4a8e6e000-7ffd7b9f2000 ---p 00000000 00:00 0     Rss:  12 kB\n",
	};
	struct smaps_rollup rollup = { .rss = 5, .locked = 7 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i], smaps_rollup_parse(rows[i], &rollup) == -ESRCH);
	assert_true(rollup.rss == 5);
	assert_true(rollup.locked == 7);
}

static void a_figure_that_is_too_large_is_unknown_and_the_others_stay(void **state)
{
	struct smaps_rollup rollup;

	(void)state;
	assert_int_equal(smaps_rollup_parse("Rss:  9007199254740991 kB\nPss:  9007199254740992 kB\nSwap: 1 kB\n", &rollup), 0);
	assert_true(rollup.rss == 9007199254740991 * KIB);
	assert_true(rollup.pss == UNKNOWN);
	assert_true(rollup.swap == KIB);
}

static void a_text_cut_anywhere_shows_nothing_that_was_not_there(void **state)
{
	(void)state;
	for (size_t length = 0; length < strlen(whole); length++) {
		char *text = strndup(whole, length);
		struct smaps_rollup rollup;

		if (!smaps_rollup_parse(text, &rollup) &&
		    (rollup.rss != 101760 * KIB || (rollup.pss != UNKNOWN && rollup.pss != 100394 * KIB) ||
		     (rollup.lazyfree != UNKNOWN && rollup.lazyfree != 4096 * KIB) || rollup.locked != UNKNOWN))
			fail_msg("cut to %zu bytes", length);
		free(text);
	}
}

static void own_rollup_sees_what_was_given_up(void **state)
{
	const size_t size = 8 << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct smaps_rollup before, after;
	int proc_fd = open_proc();

	(void)state;
	assert_true(memory != MAP_FAILED);
	memset(memory, 1, size);
	assert_int_equal(smaps_rollup_read(proc_fd, getpid(), &before), 0);
	assert_return_code(madvise(memory, size, MADV_FREE), errno);
	assert_int_equal(smaps_rollup_read(proc_fd, getpid(), &after), 0);
	assert_true(before.anonymous >= (int64_t)size && before.pss <= before.rss && before.rss >= before.anonymous);
	/* pages that wait in a CPU's batch are not marked yet, and under pressure the kernel may have taken some */
	assert_in_range(after.lazyfree - before.lazyfree, size / 2, size);
	munmap(memory, size);
	close(proc_fd);
}

static void end_at_once(int ready_fd)
{
	child_is_ready(ready_fd);
}

static void a_zombie_and_a_missing_process_have_none(void **state)
{
	pid_t pid = child_start(end_at_once);
	struct smaps_rollup rollup;
	int proc_fd = open_proc();

	(void)state;
	child_await_zombie(pid);
	assert_int_equal(smaps_rollup_read(proc_fd, pid, &rollup), -ESRCH);
	child_kill(pid);
	assert_int_equal(smaps_rollup_read(proc_fd, pid, &rollup), -ESRCH);
	close(proc_fd);
}

static void a_kernel_without_the_file_is_told_from_a_process_that_is_gone(void **state)
{
	struct tree tree = tree_make();
	struct smaps_rollup rollup;

	(void)state;
	assert_int_equal(smaps_rollup_read(tree.fd, 12, &rollup), -ESRCH);
	tree_mkdir(&tree, "12");
	assert_int_equal(smaps_rollup_read(tree.fd, 12, &rollup), -EOPNOTSUPP);
	tree_remove(&tree);
}

/* Root may look at every process, so it asks as nobody. */
static void look_as_nobody(int ready_fd)
{
	struct smaps_rollup rollup;
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (!getuid() && (setgid(65534) || setuid(65534)))
		_exit(1);
	if (smaps_rollup_read(proc_fd, 1, &rollup) == -EACCES)
		child_is_ready(ready_fd);
}

static void a_process_of_another_user_is_not_to_be_looked_at(void **state)
{
	struct smaps_rollup rollup;
	int proc_fd = open_proc();
	pid_t pid;

	(void)state;
	if (getuid() && !smaps_rollup_read(proc_fd, 1, &rollup))
		skip(); /* in a container pid 1 may be ours */
	pid = child_start(look_as_nobody);
	child_kill(pid);
	close(proc_fd);
}

static void with_its_first_thread_ended_another_thread_shows_the_memory(void **state)
{
	struct tree tree = tree_make();
	struct smaps_rollup rollup;

	(void)state;
	tree_mkdir(&tree, "12");
	tree_write(&tree, "12/smaps_rollup", "");
	tree_mkdir(&tree, "12/task");
	tree_mkdir(&tree, "12/task/13"); /* gone meanwhile */
	tree_mkdir(&tree, "12/task/14");
	assert_int_equal(smaps_rollup_read(tree.fd, 12, &rollup), -ESRCH);
	tree_write(&tree, "12/task/14/smaps_rollup", whole);
	assert_int_equal(smaps_rollup_read(tree.fd, 12, &rollup), 0);
	assert_true(rollup.pss == 100394 * KIB);
	tree_remove(&tree);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_figure_comes_from_its_line_in_bytes),
		cmocka_unit_test(what_an_old_kernel_does_not_show_is_unknown_and_not_0),
		cmocka_unit_test(a_text_without_memory_is_of_no_process_and_nothing_is_written),
		cmocka_unit_test(a_figure_that_is_too_large_is_unknown_and_the_others_stay),
		cmocka_unit_test(a_text_cut_anywhere_shows_nothing_that_was_not_there),
		cmocka_unit_test(own_rollup_sees_what_was_given_up),
		cmocka_unit_test(a_zombie_and_a_missing_process_have_none),
		cmocka_unit_test(a_kernel_without_the_file_is_told_from_a_process_that_is_gone),
		cmocka_unit_test(a_process_of_another_user_is_not_to_be_looked_at),
		cmocka_unit_test(with_its_first_thread_ended_another_thread_shows_the_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
