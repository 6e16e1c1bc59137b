/* SPDX-License-Identifier: GPL-2.0-only */
/* What several suites need: a tree of files to read, a child to look at. Include it first. */
#ifndef MEMGAP_TESTS_UNIT_HELPERS_H
#define MEMGAP_TESTS_UNIT_HELPERS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* In a table: fails with the row's name. */
#define check_row(row, condition)                                     \
	do {                                                          \
		if (!(condition))                                     \
			fail_msg("\"%s\": not so: %s", row, #condition); \
	} while (0)

/* A directory of its own below /tmp; paths are relative to it. */
struct tree {
	char path[64];
	int fd;
};

static inline struct tree tree_make(void)
{
	struct tree tree = { .path = "/tmp/memgap-unit-XXXXXX" };

	assert_non_null(mkdtemp(tree.path));
	tree.fd = open(tree.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(tree.fd >= 0);
	return tree;
}

static inline void tree_mkdir(const struct tree *tree, const char *path)
{
	assert_return_code(mkdirat(tree->fd, path, 0755), errno);
}

static inline void tree_write_bytes(const struct tree *tree, const char *path, const void *bytes, size_t size)
{
	int fd = openat(tree->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	assert_int_equal(close(fd), 0);
}

static inline void tree_write(const struct tree *tree, const char *path, const char *text)
{
	tree_write_bytes(tree, path, text, strlen(text));
}

/* The absolute path of a file in it. */
static inline const char *tree_path(const struct tree *tree, const char *path, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/%s", tree->path, path);
	return ret;
}

static inline int tree_remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static inline void tree_remove(struct tree *tree)
{
	close(tree->fd);
	nftw(tree->path, tree_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int open_proc(void)
{
	int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/*
 * A child that runs body, which writes one byte to ready_fd when it is where the test wants it. The child never returns
 * into the test, and dies with it.
 */
typedef void (*child_body)(int ready_fd);

static inline pid_t child_start(child_body body)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_return_code(pipe2(ready, O_CLOEXEC), errno);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		body(ready[1]);
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static inline void child_is_ready(int ready_fd)
{
	if (write(ready_fd, "", 1) != 1)
		_exit(99);
}

static inline void child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Waits for its exit and leaves it a zombie. */
static inline void child_await_zombie(pid_t pid)
{
	siginfo_t info;

	assert_return_code(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), errno);
}

#endif
