// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <sys/mman.h>

#include "user/base/units.h"
#include "user/kernel/status.h"

#define KIB 1024LL

/* A process of kernel 6.1, shortened where nothing is read. */
static const char whole[] =
	"Name:\tredis-server\n"
	"Umask:\t0022\n"
	"State:\tS (sleeping)\n"
	"Pid:\t123\n"
	"Groups:\t0 1 2 \n"
	"VmPeak:\t  999999 kB\n"
	"VmSize:\t  888888 kB\n"
	"VmHWM:\t  777777 kB\n"
	"VmRSS:\t   76543 kB\n"
	"RssAnon:\t   65432 kB\n"
	"RssFile:\t   10101 kB\n"
	"RssShmem:\t    1010 kB\n"
	"VmData:\t  123456 kB\n"
	"VmStk:\t     132 kB\n"
	"VmSwap:\t      77 kB\n"
	"HugetlbPages:\t       5 kB\n"
	"Threads:\t4\n"
	"NoNewPrivs:\t0\n"
	"Seccomp:\t2\n"
	"Seccomp_filters:\t9\n";

static void each_figure_comes_from_its_line_in_bytes(void **state)
{
	struct process_status status;

	(void)state;
	assert_int_equal(process_status_parse(whole, &status), 0);
	assert_true(status.rss == 76543 * KIB);
	assert_true(status.rss_anon == 65432 * KIB);
	assert_true(status.rss_file == 10101 * KIB);
	assert_true(status.rss_shmem == 1010 * KIB);
	assert_true(status.data == 123456 * KIB);
	assert_true(status.swap == 77 * KIB);
	assert_int_equal(status.seccomp, 2);
}

static void what_an_old_kernel_does_not_show_is_unknown_and_not_0(void **state)
{
	struct process_status status;

	(void)state;
	assert_int_equal(process_status_parse("Name:\tx\nVmRSS:\t  12 kB\nVmData:\t 0 kB\n", &status), 0);
	assert_true(status.rss == 12 * KIB);
	assert_true(status.data == 0);
	assert_true(status.rss_anon == UNKNOWN);
	assert_true(status.rss_file == UNKNOWN);
	assert_true(status.rss_shmem == UNKNOWN);
	assert_true(status.swap == UNKNOWN);
	assert_int_equal(status.seccomp, -1);
}

static void a_text_without_memory_is_of_no_process_and_nothing_is_written(void **state)
{
	static const char *const rows[] = {
		"", "\n\n", "Name:\tkthreadd\nState:\tS (sleeping)\nThreads:\t1\nSeccomp:\t0\n",
		"Name:\tdead\nState:\tZ (zombie)\n", "Name:\tVmRSS:\t 12 kB\n", "xVmRSS:\t 12 kB\n", " VmRSS:\t 12 kB\n",
		"VmRSS\t 12 kB\n", "VmRSS:\n", "VmRSS:\t kB\n", "VmRSS:\t-12 kB\n", "VmRSS:\tabc kB\n",
		"VmRSS:\t99999999999999999999999 kB\n", "VmRSS:\t9223372036854775807 kB\n", "VmRSS:\t9007199254740992 kB\n",
	};
	struct process_status status = { .rss = 5, .seccomp = 7 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i], process_status_parse(rows[i], &status) == -ESRCH);
	assert_int_equal(status.rss, 5);
	assert_int_equal(status.seccomp, 7);
}

static void a_figure_that_is_too_large_is_unknown_and_the_others_stay(void **state)
{
	struct process_status status;

	(void)state;
	assert_int_equal(process_status_parse("VmRSS:\t 1 kB\nRssAnon:\t99999999999999999999999 kB\nVmSwap:\t9007199254740991 kB\n",
					      &status), 0);
	assert_true(status.rss == KIB);
	assert_true(status.rss_anon == UNKNOWN);
	assert_true(status.swap == INT64_MAX - 1023); /* 2^63 - 1024 */
}

static bool is_unknown_or_at_most(int64_t value, int64_t most)
{
	return value == UNKNOWN || (value >= 0 && value <= most);
}

static void a_text_cut_anywhere_shows_nothing_that_was_not_there(void **state)
{
	struct process_status status;
	char text[sizeof(whole)];

	(void)state;
	for (size_t length = 0; length < sizeof(whole); length++) {
		memcpy(text, whole, length);
		text[length] = '\0';
		if (process_status_parse(text, &status))
			continue;
		assert_true(is_unknown_or_at_most(status.rss, 76543 * KIB));
		assert_true(is_unknown_or_at_most(status.rss_anon, 65432 * KIB));
		assert_true(is_unknown_or_at_most(status.rss_file, 10101 * KIB));
		assert_true(is_unknown_or_at_most(status.rss_shmem, 1010 * KIB));
		assert_true(is_unknown_or_at_most(status.data, 123456 * KIB));
		assert_true(is_unknown_or_at_most(status.swap, 77 * KIB));
	}
	assert_int_equal(status.seccomp, 2); /* the last one was whole */
}

static void a_name_cannot_pretend_to_be_a_figure(void **state)
{
	struct process_status status;

	(void)state;
	/* the kernel shows a newline in a name as the two characters \n (proc_task_name(), fs/proc/array.c) */
	assert_int_equal(process_status_parse("Name:\ta\\nVmRSS:\t1 kB\nVmRSS:\t2 kB\n", &status), 0);
	assert_true(status.rss == 2 * KIB);
}

static void own_status_adds_up(void **state)
{
	struct process_status before, after;
	const size_t size = 32 << 20;
	int proc_fd = open_proc();
	char *block;

	(void)state;
	assert_int_equal(process_status_read(proc_fd, getpid(), &before), 0);
	assert_true(before.rss > 0 && before.data > 0);
	assert_in_range(before.seccomp, 0, 2);
	block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(block, 1, size);
	assert_int_equal(process_status_read(proc_fd, getpid(), &after), 0);
	/* the kernel's per-CPU counters may lag by some pages (SPLIT_RSS_ACCOUNTING, percpu_counter) */
	assert_in_range(after.rss_anon + after.swap - before.rss_anon - before.swap, size - (2 << 20), size + (2 << 20));
	assert_in_range(after.data - before.data, size, size + (2 << 20));
	assert_true(after.rss == after.rss_anon + after.rss_file + after.rss_shmem);
	munmap(block, size);
	close(proc_fd);
}

static void exit_at_once(int ready_fd)
{
	child_is_ready(ready_fd);
}

static void a_zombie_a_missing_process_and_a_kernel_thread_have_no_status(void **state)
{
	struct process_status status;
	int proc_fd = open_proc();
	pid_t child = child_start(exit_at_once);

	(void)state;
	child_await_zombie(child);
	assert_int_equal(process_status_read(proc_fd, child, &status), -ESRCH);
	waitpid(child, NULL, 0);
	assert_int_equal(process_status_read(proc_fd, child, &status), -ESRCH);
	if (!faccessat(proc_fd, "2/status", R_OK, 0))
		assert_int_equal(process_status_read(proc_fd, 2, &status), -ESRCH); /* kthreadd */
	close(proc_fd);
}

/* Up to NGROUPS_MAX (65536) groups are shown on one line, before the memory: a directory service gives some users many. */
static void a_process_in_very_many_groups_has_a_status(void **state)
{
	struct process_status status;
	struct tree tree = tree_make();
	FILE *file;
	char *text;
	size_t size;

	(void)state;
	file = open_memstream(&text, &size);
	fputs("Name:\tx\nGroups:\t", file);
	for (int i = 0; i < 65536; i++)
		fprintf(file, "%d ", 4000000 + i);
	fputs("\nVmRSS:\t  12 kB\n", file);
	fclose(file);
	tree_mkdir(&tree, "12");
	tree_write(&tree, "12/status", text);
	assert_int_equal(process_status_read(tree.fd, 12, &status), 0);
	assert_true(status.rss == 12 * KIB);
	free(text);
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
		cmocka_unit_test(a_name_cannot_pretend_to_be_a_figure),
		cmocka_unit_test(own_status_adds_up),
		cmocka_unit_test(a_zombie_a_missing_process_and_a_kernel_thread_have_no_status),
		cmocka_unit_test(a_process_in_very_many_groups_has_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
