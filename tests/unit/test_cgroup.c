// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/base/units.h"
#include "user/kernel/cgroup.h"

static void a_number_is_read_and_all_else_is_unknown(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} rows[] = {
		{ "0\n", 0 },
		{ "4096\n", 4096 },
		{ "4096", 4096 },
		{ "9223372036854775807\n", INT64_MAX },
		{ "", UNKNOWN },
		{ "\n", UNKNOWN },
		{ "max\n", UNKNOWN },
		{ "-1\n", UNKNOWN },
		{ "+1\n", UNKNOWN },
		{ " 1\n", UNKNOWN },
		{ "12x\n", UNKNOWN },
		{ "12 34\n", UNKNOWN },
		{ "0x10\n", UNKNOWN },
		{ "9223372036854775808\n", UNKNOWN },
		{ "99999999999999999999999999\n", UNKNOWN },
		{ "garbage\n", UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i].text, cgroup_parse_bytes(rows[i].text) == rows[i].bytes);
}

static void no_limit_is_unknown_in_both_versions_words(void **state)
{
	static const struct {
		const char *text;
		int64_t limit;
	} rows[] = {
		{ "max\n", UNKNOWN },
		{ "max", UNKNOWN },
		{ "9223372036854771712\n", UNKNOWN }, /* PAGE_COUNTER_MAX with pages of 4 KiB */
		{ "9223372036854759424\n", UNKNOWN }, /* 16 KiB */
		{ "9223372036854710272\n", UNKNOWN }, /* 64 KiB */
		{ "104857600\n", 104857600 },
		{ "0\n", 0 },
		{ "1152921504606846976\n", 1LL << 60 }, /* large, but somebody wrote it */
		{ "garbage", UNKNOWN },
		{ "maximum", UNKNOWN },
		{ "", UNKNOWN },
		{ "-1\n", UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i].text, cgroup_parse_limit(rows[i].text) == rows[i].limit);
}

static int setup(void **state)
{
	struct tree *tree = malloc(sizeof(*tree));

	*tree = tree_make();
	tree_write(tree, "cgroup.procs", "1\n2\n3\n");
	*state = tree;
	return 0;
}

static int teardown(void **state)
{
	tree_remove(*state);
	free(*state);
	return 0;
}

/* Each version's files hold what would be wrong for the other. */
static void write_both_versions(const struct tree *tree)
{
	tree_write(tree, "memory.current", "1000\n");
	tree_write(tree, "memory.max", "2000\n");
	tree_write(tree, "memory.usage_in_bytes", "3000\n");
	tree_write(tree, "memory.limit_in_bytes", "4000\n");
}

static void version_2_reads_current_and_max(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;

	write_both_versions(tree);
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
	assert_int_equal(memory.current, 1000);
	assert_int_equal(memory.limit, 2000);
}

static void version_1_reads_usage_and_limit(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;

	write_both_versions(tree);
	assert_int_equal(cgroup_memory_read(tree->fd, 1, &memory), 0);
	assert_int_equal(memory.current, 3000);
	assert_int_equal(memory.limit, 4000);
}

static void a_cgroup_without_a_limit_has_a_current_size(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;

	tree_write(tree, "memory.current", "1000\n");
	tree_write(tree, "memory.max", "max\n");
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
	assert_int_equal(memory.current, 1000);
	assert_true(memory.limit == UNKNOWN);
}

static void the_root_of_version_2_shows_neither_and_is_no_error(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory = { .current = 1, .limit = 1 };

	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
	assert_true(memory.current == UNKNOWN);
	assert_true(memory.limit == UNKNOWN);
	tree_write(tree, "cgroup.procs", ""); /* an empty one as well */
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
}

static void a_figure_that_is_garbage_or_far_too_long_is_unknown(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;
	char digits[5001];

	memset(digits, '1', 5000);
	digits[5000] = '\0';
	tree_write(tree, "memory.current", "garbage\n");
	tree_write(tree, "memory.max", digits);
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
	assert_true(memory.current == UNKNOWN);
	assert_true(memory.limit == UNKNOWN);
	tree_write(tree, "memory.current", digits);
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
	assert_true(memory.current == UNKNOWN);
}

static void a_cgroup_that_was_removed_is_gone(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;
	int fd;

	tree_mkdir(tree, "dir");
	fd = openat(tree->fd, "dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(unlinkat(tree->fd, "dir", AT_REMOVEDIR), 0);
	assert_int_equal(cgroup_memory_read(fd, 2, &memory), -ENODEV);
	assert_int_equal(cgroup_memory_read(fd, 1, &memory), -ENODEV);
	close(fd);
}

static void a_directory_without_processes_file_is_no_cgroup_any_more(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;

	assert_int_equal(unlinkat(tree->fd, "cgroup.procs", 0), 0);
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), -ENODEV);
	assert_int_equal(cgroup_memory_read(tree->fd, 1, &memory), -ENODEV);
}

static void version_2_may_be_without_the_memory_controller(void **state)
{
	static const struct {
		const char *controllers;
		bool has_memory;
	} rows[] = {
		{ "cpuset cpu io memory hugetlb pids\n", true }, { "memory\n", true }, { "memory", true }, { "cpu io pids\n", false },
		{ "\n", false }, { "", false }, { "mymemory memory2\n", false },
	};
	struct tree *tree = *state;

	assert_false(cgroup_root_has_memory(tree->fd, 2)); /* the file is not there */
	assert_true(cgroup_root_has_memory(tree->fd, 1));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tree_write(tree, "cgroup.controllers", rows[i].controllers);
		check_row(rows[i].controllers, cgroup_root_has_memory(tree->fd, 2) == rows[i].has_memory);
	}
}

#define on_a_tree(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_read_and_all_else_is_unknown),
		cmocka_unit_test(no_limit_is_unknown_in_both_versions_words),
		on_a_tree(version_2_reads_current_and_max),
		on_a_tree(version_1_reads_usage_and_limit),
		on_a_tree(a_cgroup_without_a_limit_has_a_current_size),
		on_a_tree(the_root_of_version_2_shows_neither_and_is_no_error),
		on_a_tree(a_figure_that_is_garbage_or_far_too_long_is_unknown),
		on_a_tree(a_cgroup_that_was_removed_is_gone),
		on_a_tree(a_directory_without_processes_file_is_no_cgroup_any_more),
		on_a_tree(version_2_may_be_without_the_memory_controller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
