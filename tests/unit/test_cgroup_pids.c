// SPDX-License-Identifier: GPL-2.0-only
/* The walk over a cgroup's processes, on plain directories with cgroup.procs files in them. */
#include "tests/unit/helpers.h"

#include "user/target/hierarchy.h"

struct visited {
	pid_t pids[100];
	int n, stop_at, stop_with; /* returns stop_with for the pid stop_at */
	const struct tree *tree;
	const char *to_remove; /* on the first visit */
};

static int visit(pid_t pid, void *data)
{
	struct visited *visited = data;

	assert_true(visited->n < 100);
	visited->pids[visited->n++] = pid;
	if (visited->to_remove) {
		char path[PATH_MAX];

		nftw(tree_path(visited->tree, visited->to_remove, path), tree_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
		visited->to_remove = NULL;
	}
	return pid == visited->stop_at ? visited->stop_with : 0;
}

static bool has(const struct visited *visited, pid_t pid)
{
	int times = 0;

	for (int i = 0; i < visited->n; i++)
		times += visited->pids[i] == pid;
	return times == 1;
}

static int setup(void **state)
{
	struct tree *tree = malloc(sizeof(*tree));

	*tree = tree_make();
	*state = tree;
	return 0;
}

static int teardown(void **state)
{
	tree_remove(*state);
	free(*state);
	return 0;
}

static int walk(const struct tree *tree, struct visited *visited)
{
	struct cgroup_dir dir = { .path = "/x", .fd = tree->fd };

	visited->tree = tree;
	return cgroup_dir_each_pid(&dir, visit, visited);
}

static void processes_of_the_cgroup_and_all_below_it_are_visited_once(void **state)
{
	struct tree *tree = *state;
	struct visited visited = { 0 };

	tree_write(tree, "cgroup.procs", "1\n22\n");
	tree_write(tree, "memory.max", "max\n");
	tree_mkdir(tree, "a");
	tree_write(tree, "a/cgroup.procs", "333\n");
	tree_mkdir(tree, "a/b");
	tree_write(tree, "a/b/cgroup.procs", "4194304\n");
	tree_mkdir(tree, "c");
	tree_write(tree, "c/cgroup.procs", "");
	tree_mkdir(tree, "c/d");
	tree_write(tree, "c/d/cgroup.procs", "5\n");
	assert_int_equal(walk(tree, &visited), 0);
	assert_int_equal(visited.n, 5);
	assert_true(has(&visited, 1) && has(&visited, 22) && has(&visited, 333) && has(&visited, 4194304) && has(&visited, 5));
	/* again: the walk leaves the directory fd as it was */
	visited.n = 0;
	assert_int_equal(walk(tree, &visited), 0);
	assert_int_equal(visited.n, 5);
}

static void an_empty_cgroup_has_none(void **state)
{
	struct visited visited = { 0 };

	tree_write(*state, "cgroup.procs", "");
	assert_int_equal(walk(*state, &visited), 0);
	assert_int_equal(visited.n, 0);
}

static void a_process_of_another_pid_namespace_shown_as_0_is_passed_over(void **state)
{
	struct visited visited = { 0 };

	tree_write(*state, "cgroup.procs", "0\n7\n0\n0\n8\n");
	assert_int_equal(walk(*state, &visited), 0);
	assert_int_equal(visited.n, 2);
	assert_true(has(&visited, 7) && has(&visited, 8));
}

static void a_cgroup_that_is_gone_is_told(void **state)
{
	struct visited visited = { 0 };

	assert_int_equal(walk(*state, &visited), -ENODEV);
	assert_int_equal(visited.n, 0);
}

static void a_cgroup_below_that_vanishes_meanwhile_is_no_error(void **state)
{
	struct tree *tree = *state;
	struct visited visited = { .to_remove = "a" };

	tree_write(tree, "cgroup.procs", "1\n");
	tree_mkdir(tree, "a");
	tree_write(tree, "a/cgroup.procs", "2\n");
	tree_mkdir(tree, "b"); /* is half gone: no cgroup.procs any more */
	tree_mkdir(tree, "c");
	tree_write(tree, "c/cgroup.procs", "3\n");
	assert_int_equal(walk(tree, &visited), 0);
	assert_int_equal(visited.n, 2);
	assert_true(has(&visited, 1) && has(&visited, 3));
}

static void what_the_visitor_returns_ends_the_walk_in_the_cgroup_itself(void **state)
{
	static const int values[] = { 1, -EINVAL };
	struct tree *tree = *state;

	tree_write(tree, "cgroup.procs", "1\n2\n3\n");
	tree_mkdir(tree, "a");
	tree_write(tree, "a/cgroup.procs", "4\n");
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		struct visited visited = { .stop_at = 2, .stop_with = values[i] };

		assert_int_equal(walk(tree, &visited), values[i]);
		assert_int_equal(visited.n, 2);
	}
}

static void what_the_visitor_returns_ends_the_walk_below_too(void **state)
{
	static const int values[] = { 1, -EINVAL };
	struct tree *tree = *state;

	tree_write(tree, "cgroup.procs", "");
	for (int i = 0; i < 8; i++) {
		char path[32];

		snprintf(path, sizeof(path), "%c", 'a' + i);
		tree_mkdir(tree, path);
		strcat(path, "/cgroup.procs");
		tree_write(tree, path, "4\n");
	}
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		struct visited visited = { .stop_at = 4, .stop_with = values[i] };

		assert_int_equal(walk(tree, &visited), values[i]);
		assert_int_equal(visited.n, 1);
	}
}

static void a_link_to_a_directory_is_not_followed(void **state)
{
	struct tree *tree = *state;
	struct visited visited = { 0 };

	tree_write(tree, "cgroup.procs", "1\n");
	assert_int_equal(symlinkat(".", tree->fd, "loop"), 0);
	assert_int_equal(walk(tree, &visited), 0);
	assert_int_equal(visited.n, 1);
}

static void very_deep_nesting_ends(void **state)
{
	struct tree *tree = *state;
	struct visited visited = { 0 };
	char path[300] = "", procs[320];

	for (int depth = 0; depth <= 60; depth++) {
		snprintf(procs, sizeof(procs), "%scgroup.procs", path);
		tree_write(tree, procs, "9\n");
		strcat(path, "d");
		tree_mkdir(tree, path);
		strcat(path, "/");
	}
	assert_int_equal(walk(tree, &visited), 0);
	assert_in_range(visited.n, 32, 34); /* the documented bound of 32 levels, whichever way it counts the ends */
}

#define on_a_tree(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		on_a_tree(processes_of_the_cgroup_and_all_below_it_are_visited_once),
		on_a_tree(an_empty_cgroup_has_none),
		on_a_tree(a_process_of_another_pid_namespace_shown_as_0_is_passed_over),
		on_a_tree(a_cgroup_that_is_gone_is_told),
		on_a_tree(a_cgroup_below_that_vanishes_meanwhile_is_no_error),
		on_a_tree(what_the_visitor_returns_ends_the_walk_in_the_cgroup_itself),
		on_a_tree(what_the_visitor_returns_ends_the_walk_below_too),
		on_a_tree(a_link_to_a_directory_is_not_followed),
		on_a_tree(very_deep_nesting_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
