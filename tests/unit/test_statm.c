// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <sys/mman.h>

#include "user/base/units.h"
#include "user/base/fs.h"
#include "user/kernel/statm.h"
#include "user/kernel/status.h"

static void pages_become_bytes_of_the_page_size_given(void **state)
{
	static const int64_t sizes[] = { 4096, 16384, 65536 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct statm statm;

		assert_int_equal(statm_parse("765 436 408 5 0 123 0\n", sizes[i], &statm), 0);
		assert_true(statm.size == 765 * sizes[i]);
		assert_true(statm.resident == 436 * sizes[i]);
		assert_true(statm.shared == 408 * sizes[i]);
		assert_true(statm.text == 5 * sizes[i]);
		assert_true(statm.data == 123 * sizes[i]);
	}
}

static void what_is_no_such_text_is_refused_and_nothing_is_written(void **state)
{
	static const char *const rows[] = {
		"", "\n", "765", "765 436 408 5 0 123\n", "765 436 408 5 0 123 0", "765 436 408 5 0 123 0 1\n", "765 436 408 5 0 123 \n",
		" 765 436 408 5 0 123 0\n", "765  436 408 5 0 123 0\n", "765\t436 408 5 0 123 0\n", "765 -436 408 5 0 123 0\n",
		"765 +436 408 5 0 123 0\n", "765 4x6 408 5 0 123 0\n", "765 436 408 5 0 2251799813685248 0\n",
		"99999999999999999999999 436 408 5 0 123 0\n", "\xff\xfe\x01\n", "0 0 0 0 0 0\n",
	};
	struct statm statm = { .size = 7 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i], statm_parse(rows[i], 4096, &statm) == -EINVAL);
	assert_true(statm.size == 7);
}

static void the_largest_figure_that_fits_is_read(void **state)
{
	struct statm statm;

	(void)state;
	assert_int_equal(statm_parse("2251799813685247 1 1 1 0 1 0\n", 4096, &statm), 0);
	assert_true(statm.size == 2251799813685247 * 4096);
}

static void a_text_without_memory_is_of_no_process(void **state)
{
	struct statm statm = { .size = 7 };

	(void)state;
	assert_int_equal(statm_parse("0 0 0 0 0 0 0\n", 4096, &statm), -ESRCH);
	assert_true(statm.size == 7);
}

static void own_statm_agrees_with_own_status(void **state)
{
	const size_t size = 16 << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct process_status status;
	int proc_fd = open_proc();
	char text[STATM_MAX];
	struct statm statm;

	(void)state;
	assert_true(memory != MAP_FAILED);
	assert_true(read_file_at(proc_fd, "self/statm", text, sizeof(text)) > 0);
	assert_int_equal(statm_parse(text, sysconf(_SC_PAGESIZE), &statm), 0);
	assert_int_equal(process_status_read(proc_fd, getpid(), &status), 0);
	/* before 6.16 both may be off by some pages */
	assert_in_range(statm.resident - status.rss + (1 << 20), 0, 2 << 20);
	assert_in_range(statm.shared - status.rss_file - status.rss_shmem + (1 << 20), 0, 2 << 20);
	assert_in_range(statm.data - status.data, 0, 64 << 20); /* the stack */
	assert_true(statm.resident > (int64_t)size && statm.size > statm.resident && statm.text > 0);
	munmap(memory, size);
	close(proc_fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_become_bytes_of_the_page_size_given),
		cmocka_unit_test(what_is_no_such_text_is_refused_and_nothing_is_written),
		cmocka_unit_test(the_largest_figure_that_fits_is_read),
		cmocka_unit_test(a_text_without_memory_is_of_no_process),
		cmocka_unit_test(own_statm_agrees_with_own_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
