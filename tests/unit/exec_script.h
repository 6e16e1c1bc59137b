/* SPDX-License-Identifier: GPL-2.0-only */
/* A tree for scripts that are run for a trim, and a FIFO in which they tell something. Include helpers.h first. */
#ifndef MEMGAP_TESTS_UNIT_EXEC_SCRIPT_H
#define MEMGAP_TESTS_UNIT_EXEC_SCRIPT_H

#include <poll.h>

#include "user/target/command.h"
#include "user/trim/exec.h"

#define LONG_MS 10000

static struct tree tree;
static struct inherited inherited;
static int told_fd;  /* the FIFO "told", in which scripts say something */
static char why[256];

static inline int setup(void **state)
{
	char path[PATH_MAX];

	(void)state;
	tree = tree_make();
	command_inherit(&inherited);
	assert_return_code(mkfifoat(tree.fd, "told", 0600), errno);
	told_fd = openat(tree.fd, "told", O_RDWR | O_CLOEXEC);
	assert_true(told_fd >= 0);
	setenv("TOLD", tree_path(&tree, "told", path), 1);
	memset(why, 'x', sizeof(why));
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	close(told_fd);
	tree_remove(&tree);
	return 0;
}

static inline void await_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&poll_fd, 1, LONG_MS), 1);
}

static inline int await_end(struct exec *exec)
{
	int result;

	await_readable(exec->pidfd);
	result = exec_end(exec, false, why, sizeof(why));
	assert_int_equal(exec->pidfd, -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
	assert_int_equal(errno, ECHILD);
	return result;
}

#define on_a_tree(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
