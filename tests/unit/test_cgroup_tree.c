// SPDX-License-Identifier: GPL-2.0-only
/* Directories stand for cgroups: both tell of a mkdir and an rmdir by inotify. */
#include "tests/unit/helpers.h"

#include <sys/resource.h>

#include "user/target/cgroup_tree.h"

struct fixture {
	struct tree dirs;
	struct hierarchy hierarchy;
	struct cgroup_tree *tree;
	char gone[1024]; /* the paths, each after a blank */
};

static void note_gone(struct cgroup_node *node, void *data)
{
	struct fixture *fixture = data;
	size_t used = strlen(fixture->gone);

	snprintf(fixture->gone + used, sizeof(fixture->gone) - used, " %s", node->path);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->dirs = tree_make();
	fixture->hierarchy = (struct hierarchy){ .version = 2, .fd = fixture->dirs.fd };
	tree_mkdir(&fixture->dirs, "a");
	tree_mkdir(&fixture->dirs, "a/b");
	tree_mkdir(&fixture->dirs, "c");
	tree_write(&fixture->dirs, "cgroup.procs", "");
	assert_int_equal(cgroup_tree_open(&fixture->hierarchy, 1000, note_gone, fixture, &fixture->tree), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	cgroup_tree_close(fixture->tree);
	tree_remove(&fixture->dirs);
	free(fixture);
	return 0;
}

static void remove_dir(const struct fixture *fixture, const char *path)
{
	assert_return_code(unlinkat(fixture->dirs.fd, path, AT_REMOVEDIR), errno);
}

struct paths {
	char list[64][CGROUP_PATH_MAX];
	size_t n;
};

static void note_path(struct cgroup_node *node, void *data)
{
	struct paths *paths = data;

	/* above comes first */
	for (size_t i = 0; node->parent && i <= paths->n; i++)
		if (i == paths->n || !strcmp(paths->list[i], node->parent->path)) {
			assert_int_not_equal(i, paths->n);
			break;
		}
	strcpy(paths->list[paths->n++], node->path);
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* All paths, in alphabetical order. */
static void assert_paths(struct fixture *fixture, const char *expected)
{
	static struct paths paths;
	char text[1024] = "";

	paths.n = 0;
	cgroup_tree_each(fixture->tree, note_path, &paths);
	qsort(paths.list, paths.n, sizeof(paths.list[0]), compare);
	for (size_t i = 0; i < paths.n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", paths.list[i]);
	assert_string_equal(text, expected);
}

static void what_is_there_is_found(void **state)
{
	struct fixture *fixture = *state;

	assert_non_null(cgroup_tree_add(fixture->tree, "/"));
	assert_paths(fixture, " / /a /a/b /c");
	assert_null(cgroup_tree_trouble(fixture->tree));
}

static void only_what_is_below_a_root_is_found(void **state)
{
	struct fixture *fixture = *state;
	struct cgroup_node *a = cgroup_tree_add(fixture->tree, "/a");

	assert_non_null(a);
	assert_null(a->parent);
	assert_paths(fixture, " /a /a/b");
	/* what is there already is not there twice */
	assert_ptr_equal(cgroup_tree_add(fixture->tree, "/a/b")->parent, a);
	assert_paths(fixture, " /a /a/b");
	assert_null(cgroup_tree_add(fixture->tree, "/nobody"));
}

static void what_is_made_later_comes_with_all_that_is_in_it(void **state)
{
	struct fixture *fixture = *state;

	cgroup_tree_add(fixture->tree, "/");
	tree_mkdir(&fixture->dirs, "c/d");
	tree_mkdir(&fixture->dirs, "c/d/e");
	tree_mkdir(&fixture->dirs, "f");
	cgroup_tree_follow(fixture->tree);
	assert_paths(fixture, " / /a /a/b /c /c/d /c/d/e /f");
	tree_mkdir(&fixture->dirs, "c/d/e/g");
	cgroup_tree_follow(fixture->tree);
	assert_paths(fixture, " / /a /a/b /c /c/d /c/d/e /c/d/e/g /f");
	assert_string_equal(fixture->gone, "");
}

static void what_is_removed_goes_from_the_bottom_up_and_is_told(void **state)
{
	struct fixture *fixture = *state;

	cgroup_tree_add(fixture->tree, "/");
	remove_dir(fixture, "a/b");
	remove_dir(fixture, "a");
	cgroup_tree_follow(fixture->tree);
	assert_paths(fixture, " / /c");
	assert_string_equal(fixture->gone, " /a/b /a");
}

static void the_same_name_again_is_another_cgroup(void **state)
{
	struct fixture *fixture = *state;
	struct cgroup_node *root = cgroup_tree_add(fixture->tree, "/"), *c;
	uint64_t id;

	LIST_FOREACH(c, &root->below, entry)
		if (!strcmp(c->path, "/c"))
			break;
	c->data = fixture;
	id = c->id;
	/* held, so that its inode number is not used again: kernfs never does that */
	int fd = openat(fixture->dirs.fd, "c", O_RDONLY | O_DIRECTORY);
	remove_dir(fixture, "c");
	tree_mkdir(&fixture->dirs, "c");
	cgroup_tree_follow(fixture->tree);
	close(fd);
	assert_string_equal(fixture->gone, " /c");
	assert_paths(fixture, " / /a /a/b /c");
	LIST_FOREACH(c, &root->below, entry)
		if (!strcmp(c->path, "/c"))
			break;
	assert_null(c->data);
	assert_int_not_equal(c->id, id);
}

static void very_deep_nesting_ends(void **state)
{
	struct fixture *fixture = *state;
	char path[256] = "c";

	for (int i = 0; i < 60; i++) {
		strcat(path, "/d");
		tree_mkdir(&fixture->dirs, path);
	}
	assert_non_null(cgroup_tree_add(fixture->tree, "/c"));
	struct paths *paths = calloc(1, sizeof(*paths));

	cgroup_tree_each(fixture->tree, note_path, paths);
	assert_int_equal(paths->n, 33); /* 32 below */
	free(paths);
}

static void nothing_happened_nothing_changes(void **state)
{
	struct fixture *fixture = *state;

	cgroup_tree_add(fixture->tree, "/");
	cgroup_tree_follow(fixture->tree);
	tree_write(&fixture->dirs, "a/cgroup.procs", "1\n"); /* a file is no cgroup */
	cgroup_tree_follow(fixture->tree);
	assert_paths(fixture, " / /a /a/b /c");
	assert_string_equal(fixture->gone, "");
}

/* So many descriptors more can be opened; returns what the limit was. */
static struct rlimit leave_descriptors(int n)
{
	struct rlimit before, less;
	int next = open("/", O_PATH | O_CLOEXEC);

	close(next);
	assert_return_code(getrlimit(RLIMIT_NOFILE, &before), errno);
	less = (struct rlimit){ (rlim_t)(next + n), before.rlim_max };
	assert_return_code(setrlimit(RLIMIT_NOFILE, &less), errno);
	return before;
}

static void what_cannot_be_read_for_want_of_descriptors_is_told_and_read_the_next_time(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit limit = leave_descriptors(1); /* for the root, not to read it */

	assert_non_null(cgroup_tree_add(fixture->tree, "/"));
	cgroup_tree_follow(fixture->tree);
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_paths(fixture, " /");
	assert_non_null(strstr(cgroup_tree_trouble(fixture->tree), "file descriptors"));
	cgroup_tree_follow(fixture->tree);
	assert_paths(fixture, " / /a /a/b /c");
	assert_null(cgroup_tree_trouble(fixture->tree));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_there_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_what_is_below_a_root_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_made_later_comes_with_all_that_is_in_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_removed_goes_from_the_bottom_up_and_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_same_name_again_is_another_cgroup, set_up, tear_down),
		cmocka_unit_test_setup_teardown(very_deep_nesting_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_happened_nothing_changes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_for_want_of_descriptors_is_told_and_read_the_next_time, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
