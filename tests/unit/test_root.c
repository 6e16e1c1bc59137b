// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/target/root.h"

#define MAX 100

static struct tree tree;

/* A host's root with a file "inside", and beside it a file "outside" that it may not lead to. */
static int setup(void **state)
{
	(void)state;
	tree = tree_make();
	tree_mkdir(&tree, "host");
	tree_mkdir(&tree, "host/run");
	tree_mkdir(&tree, "host/var");
	tree_write(&tree, "outside", "outside");
	tree_write(&tree, "host/run/file", "inside");
	assert_int_equal(symlinkat("/run", tree.fd, "host/var/run"), 0);
	assert_int_equal(symlinkat("../outside", tree.fd, "host/up"), 0);
	assert_int_equal(symlinkat("../../../../../../run/file", tree.fd, "host/var/far-up"), 0);
	assert_int_equal(symlinkat("/proc/self/root", tree.fd, "host/magic"), 0);
	assert_int_equal(symlinkat("loop", tree.fd, "host/loop"), 0);
	assert_int_equal(mkfifoat(tree.fd, "host/fifo", 0600), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(&tree);
	return 0;
}

static int read_it(const char *path, size_t max, char **ret_text, size_t *ret_length)
{
	int root_fd = openat(tree.fd, "host", O_PATH | O_DIRECTORY | O_CLOEXEC), error;

	assert_true(root_fd >= 0);
	error = root_read_file(root_fd, path, max, ret_text, ret_length);
	close(root_fd);
	return error;
}

static void paths_are_those_of_the_tree(void **state)
{
	static const char *const paths[] = { "/run/file", "run/file", "/var/run/file", "/../run/file", "/var/far-up",
					     "/var/run/../run/file" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		size_t length = 0;
		char *text;

		check_row(paths[i], read_it(paths[i], MAX, &text, &length) == 0);
		check_row(paths[i], length == 6 && !strcmp(text, "inside"));
		free(text);
	}
}

static void nothing_outside_is_reached(void **state)
{
	static const char *const paths[] = { "/up", "/../outside", "outside", "/magic/etc/passwd", "/magic/proc/self/status" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		size_t length;
		char *text;

		check_row(paths[i], read_it(paths[i], MAX, &text, &length) == -ENOENT);
	}
}

static void what_is_no_regular_file_is_not_waited_for(void **state)
{
	size_t length;
	char *text;

	(void)state;
	alarm(10); /* opening a FIFO would wait for a writer */
	assert_int_equal(read_it("/fifo", MAX, &text, &length), -EINVAL);
	assert_int_equal(read_it("/run", MAX, &text, &length), -EINVAL);
	assert_int_equal(read_it("/loop", MAX, &text, &length), -ELOOP);
	alarm(0);
}

static void a_file_that_just_fits_is_read_and_one_byte_more_is_refused(void **state)
{
	size_t length;
	char *text;

	(void)state;
	assert_int_equal(read_it("/run/file", 6, &text, &length), 0);
	free(text);
	assert_int_equal(read_it("/run/file", 5, &text, &length), -EFBIG);
	tree_write(&tree, "host/empty", "");
	assert_int_equal(read_it("/empty", 0, &text, &length), 0);
	assert_int_equal(length, 0);
	assert_string_equal(text, "");
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_those_of_the_tree),
		cmocka_unit_test(nothing_outside_is_reached),
		cmocka_unit_test(what_is_no_regular_file_is_not_waited_for),
		cmocka_unit_test(a_file_that_just_fits_is_read_and_one_byte_more_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
