// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <math.h>

#include "tests/unit/fixtures/memory_stat.h"
#include "user/base/units.h"
#include "user/kernel/cgroup.h"

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
	tree_write(tree, "memory.limit_in_bytes", "4001\n");
	tree_write(tree, "memory.stat", "inactive_file 100\nhierarchical_memory_limit 4000\ntotal_inactive_file 200\n");
}

static void version_2_reads_current_and_max(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;

	write_both_versions(tree);
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
	assert_int_equal(memory.current, 1000);
	assert_int_equal(memory.limit, 2000);
	assert_int_equal(memory.inactive_file, 100);
	assert_int_equal(memory.working_set, 900);
}

static void version_1_reads_usage_and_limit(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;

	write_both_versions(tree);
	assert_int_equal(cgroup_memory_read(tree->fd, 1, &memory), 0);
	assert_int_equal(memory.current, 3000);
	assert_int_equal(memory.limit, 4000);
	assert_int_equal(memory.inactive_file, 200);
	assert_int_equal(memory.working_set, 2800);
}

static void version_2_reads_every_figure_from_its_file(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;

	tree_write(tree, "memory.current", "200000000\n");
	tree_write(tree, "memory.max", "300000000\n");
	tree_write(tree, "memory.high", "250000000\n");
	tree_write(tree, "memory.swap.current", "8192\n");
	tree_write(tree, "memory.stat", stat_v2_6_1);
	tree_write(tree, "memory.events", "low 0\nhigh 0\nmax 9\noom 8\noom_kill 7\noom_group_kill 6\n");
	tree_write(tree, "memory.pressure", "some avg10=1.25 avg60=2.00 avg300=3.00 total=4\n");
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
	assert_int_equal(memory.current, 200000000);
	assert_int_equal(memory.limit, 300000000);
	assert_int_equal(memory.high, 250000000);
	assert_int_equal(memory.swap, 8192);
	assert_int_equal(memory.anon, 81920000);
	assert_int_equal(memory.file, 82333696);
	assert_int_equal(memory.shmem, 85643264);
	assert_int_equal(memory.inactive_file, 90607616);
	assert_int_equal(memory.kernel, 82747392);
	assert_int_equal(memory.working_set, 200000000 - 90607616);
	assert_int_equal(memory.oom_kills, 7);
	assert_true(memory.psi_some_avg10 == 1.25);
	assert_null(memory.unreadable);
}

static void version_1_reads_every_figure_from_its_file(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;

	tree_write(tree, "memory.usage_in_bytes", "2000000000\n");
	tree_write(tree, "memory.stat", stat_v1_6_18);
	tree_write(tree, "memory.kmem.usage_in_bytes", "12288\n");
	tree_write(tree, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
	assert_int_equal(cgroup_memory_read(tree->fd, 1, &memory), 0);
	assert_int_equal(memory.current, 2000000000);
	assert_int_equal(memory.swap, 0);
	assert_int_equal(memory.anon, 27873280);
	assert_int_equal(memory.file, 1199726592);
	assert_int_equal(memory.shmem, 86016);
	assert_int_equal(memory.inactive_file, 775790592);
	assert_int_equal(memory.kernel, 12288);
	assert_int_equal(memory.working_set, 2000000000 - 775790592);
	assert_int_equal(memory.oom_kills, 7);
	assert_true(memory.limit == UNKNOWN);
	assert_true(memory.high == UNKNOWN);
	assert_true(isnan(memory.psi_some_avg10));
	assert_null(memory.unreadable);
}

static void the_working_set_is_not_below_0_and_unknown_without_both_figures(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;

	tree_write(tree, "memory.current", "100\n");
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
	assert_true(memory.working_set == UNKNOWN);
	tree_write(tree, "memory.stat", "inactive_file 101\n");
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
	assert_int_equal(memory.working_set, 0);
	assert_int_equal(unlinkat(tree->fd, "memory.current", 0), 0);
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
	assert_true(memory.working_set == UNKNOWN);
}

/* Root, a, a/b, a/b/c: the root has no memory.max. */
static void version_2_s_limit_is_the_lowest_on_the_way_up(void **state)
{
	static const struct {
		const char *a, *b, *c;
		int64_t limit;
	} rows[] = {
		{ "max\n", "max\n", "max\n", UNKNOWN }, { "3000\n", "2000\n", "1000\n", 1000 }, { "1000\n", "2000\n", "3000\n", 1000 },
		{ "2000\n", "1000\n", "3000\n", 1000 },  { "1000\n", "max\n", "max\n", 1000 },   { "max\n", "max\n", "1000\n", 1000 },
		{ "0\n", "max\n", "1000\n", 0 },         { "max\n", "garbage\n", "1000\n", UNKNOWN },
	};
	struct tree *tree = *state;
	struct cgroup_memory memory;
	int fd;

	tree_mkdir(tree, "a");
	tree_mkdir(tree, "a/b");
	tree_mkdir(tree, "a/b/c");
	tree_write(tree, "a/b/c/cgroup.procs", "");
	fd = openat(tree->fd, "a/b/c", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tree_write(tree, "a/memory.max", rows[i].a);
		tree_write(tree, "a/b/memory.max", rows[i].b);
		tree_write(tree, "a/b/c/memory.max", rows[i].c);
		assert_int_equal(cgroup_memory_read(fd, 2, &memory), 0);
		if (memory.limit != rows[i].limit)
			fail_msg("row %zu: limit %lld", i, (long long)memory.limit);
		assert_null(memory.unreadable);
	}
	close(fd);
}

/* The limit of a cgroup so many levels below the root, where the first level has one. */
static int64_t limit_of_depth(const struct tree *tree, int depth)
{
	struct cgroup_memory memory;
	int fd = dup(tree->fd);

	for (int i = 0; i < depth; i++) {
		int below;

		if (mkdirat(fd, "d", 0755))
			assert_int_equal(errno, EEXIST);
		below = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = below;
		tree_write(&(struct tree){ .fd = fd }, "memory.max", i ? "max\n" : "1000\n");
	}
	tree_write(&(struct tree){ .fd = fd }, "cgroup.procs", "");
	assert_int_equal(cgroup_memory_read(fd, 2, &memory), 0);
	close(fd);
	return memory.limit;
}

static void the_limit_of_a_deep_cgroup_is_known_and_of_an_absurdly_deep_one_it_is_not(void **state)
{
	assert_true(limit_of_depth(*state, 1) == 1000);
	assert_true(limit_of_depth(*state, 20) == 1000);
	assert_true(limit_of_depth(*state, 100) == UNKNOWN);
}

/* A directory in a file's place cannot be read, even by root. */
static void a_file_that_cannot_be_read_is_named_and_the_others_are_read(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;

	write_both_versions(tree);
	assert_int_equal(unlinkat(tree->fd, "memory.stat", 0), 0);
	tree_mkdir(tree, "memory.stat");
	tree_mkdir(tree, "memory.events");
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
	assert_int_equal(memory.current, 1000);
	assert_int_equal(memory.limit, 2000);
	assert_true(memory.anon == UNKNOWN);
	assert_true(memory.oom_kills == UNKNOWN);
	assert_string_equal(memory.unreadable, "memory.stat"); /* the first of them */
	assert_int_equal(cgroup_memory_read(tree->fd, 1, &memory), 0);
	assert_int_equal(memory.current, 3000);
	assert_true(memory.limit == UNKNOWN);
	assert_string_equal(memory.unreadable, "memory.stat");
}

/* One of the limits on the way up is not known: it may be the lowest. */
static void a_parent_s_limit_that_cannot_be_read_makes_the_limit_unknown(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;
	int fd;

	tree_mkdir(tree, "memory.max");
	tree_mkdir(tree, "a");
	tree_write(tree, "a/memory.current", "10\n");
	tree_write(tree, "a/memory.max", "1000\n");
	fd = openat(tree->fd, "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree_write(tree, "a/cgroup.procs", "");
	assert_int_equal(cgroup_memory_read(fd, 2, &memory), 0);
	assert_int_equal(memory.current, 10);
	assert_true(memory.limit == UNKNOWN);
	assert_string_equal(memory.unreadable, "memory.max");
	tree_mkdir(tree, "a/memory.stat"); /* the first that cannot be read is another */
	assert_int_equal(cgroup_memory_read(fd, 2, &memory), 0);
	assert_true(memory.limit == UNKNOWN);
	assert_string_equal(memory.unreadable, "memory.stat");
	close(fd);
}

/* memory.stat of a kernel with many more lines than any has now. */
static void a_text_too_long_to_be_true_is_unreadable(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;
	char text[20000];

	memset(text, '\n', sizeof(text));
	tree_write_bytes(tree, "memory.stat", text, sizeof(text));
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
	assert_string_equal(memory.unreadable, "memory.stat");
}

/* PSI's files are there whatever controllers are on. */
static void without_the_memory_controller_the_pressure_is_known_alone(void **state)
{
	struct tree *tree = *state;
	struct cgroup_memory memory;

	tree_write(tree, "memory.pressure", "some avg10=1.25 avg60=2.00 avg300=3.00 total=4\n");
	assert_int_equal(cgroup_memory_read(tree->fd, 2, &memory), 0);
	assert_true(memory.current == UNKNOWN && memory.limit == UNKNOWN && memory.anon == UNKNOWN && memory.swap == UNKNOWN);
	assert_true(memory.psi_some_avg10 == 1.25);
	assert_null(memory.unreadable);
}

static void a_cgroup_exists_until_it_is_removed(void **state)
{
	struct tree *tree = *state;

	assert_true(cgroup_exists(tree->fd));
	tree_write(tree, "cgroup.procs", "");
	assert_true(cgroup_exists(tree->fd));
	assert_int_equal(unlinkat(tree->fd, "cgroup.procs", 0), 0);
	assert_false(cgroup_exists(tree->fd));
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
		on_a_tree(version_2_reads_current_and_max),
		on_a_tree(version_1_reads_usage_and_limit),
		on_a_tree(version_2_reads_every_figure_from_its_file),
		on_a_tree(version_1_reads_every_figure_from_its_file),
		on_a_tree(the_working_set_is_not_below_0_and_unknown_without_both_figures),
		on_a_tree(version_2_s_limit_is_the_lowest_on_the_way_up),
		on_a_tree(the_limit_of_a_deep_cgroup_is_known_and_of_an_absurdly_deep_one_it_is_not),
		on_a_tree(a_file_that_cannot_be_read_is_named_and_the_others_are_read),
		on_a_tree(a_parent_s_limit_that_cannot_be_read_makes_the_limit_unknown),
		on_a_tree(a_text_too_long_to_be_true_is_unreadable),
		on_a_tree(without_the_memory_controller_the_pressure_is_known_alone),
		on_a_tree(a_cgroup_exists_until_it_is_removed),
		on_a_tree(a_cgroup_without_a_limit_has_a_current_size),
		on_a_tree(the_root_of_version_2_shows_neither_and_is_no_error),
		on_a_tree(a_figure_that_is_garbage_or_far_too_long_is_unknown),
		on_a_tree(a_cgroup_that_was_removed_is_gone),
		on_a_tree(a_directory_without_processes_file_is_no_cgroup_any_more),
		on_a_tree(version_2_may_be_without_the_memory_controller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
