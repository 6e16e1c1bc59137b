// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <poll.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>

#include "user/base/units.h"
#include "user/base/worker.h"
#include "user/trim/reclaim.h"

#define MIB (1024LL * 1024)
#define PAGE 4096

/* A cgroup's directory; a FIFO stands for the file that is written, and shows each write. */
static struct tree tree;

static int setup(void **state)
{
	(void)state;
	tree = tree_make();
	tree_write(&tree, "cgroup.procs", "");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(&tree);
	return 0;
}

/* The end to read from. It has room for so many bytes; then a write says EAGAIN, as the kernel does that finds no more. */
static int make_fifo(const char *name, size_t room)
{
	char fill[PAGE] = "";
	int fd, end;

	assert_return_code(mkfifoat(tree.fd, name, 0600), errno);
	fd = openat(tree.fd, name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETPIPE_SZ, PAGE), PAGE);
	assert_int_equal(write(fd, fill, PAGE - room), PAGE - room);
	end = openat(tree.fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(end >= 0);
	/* read as well, it would make room: the whole page is in use until all of it has been read */
	close(fd);
	return end;
}

/* What was written, after what filled it. */
static void assert_written(int fd, const char *expected)
{
	char bytes[PAGE + 1] = "";
	ssize_t n = read(fd, bytes, PAGE), at = 0;

	if (n < 0)
		n = 0; /* nothing at all, and somebody who could still write */
	while (at < n && !bytes[at])
		at++;
	assert_string_equal(bytes + at, expected);
	close(fd);
}

static struct reclaim run(int version, int64_t bytes, bool forced)
{
	struct reclaim reclaim = { .cgroup_fd = tree.fd, .version = version, .bytes = bytes, .forced = forced, .result = 77 };

	memset(reclaim.why, 'x', sizeof(reclaim.why));
	reclaim_run(&reclaim);
	assert_non_null(memchr(reclaim.why, '\0', sizeof(reclaim.why)));
	return reclaim;
}

static void it_is_asked_for_in_batches(void **state)
{
	static const struct {
		const char *name;
		int64_t bytes;
		const char *written;
	} rows[] = {
		{ "one byte", 1, "1" },
		{ "less than a batch", 5 * MIB, "5242880" },
		{ "a batch", 16 * MIB, "16777216" },
		{ "a batch and a byte", 16 * MIB + 1, "167772161" },
		{ "three and a rest", 50 * MIB, "1677721616777216167772162097152" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int fd = make_fifo("memory.reclaim", PAGE);
		struct reclaim reclaim = run(2, rows[i].bytes, false);

		check_row(rows[i].name, reclaim.result == 0 && reclaim.asked == rows[i].bytes && !reclaim.why[0]);
		assert_written(fd, rows[i].written);
		assert_return_code(unlinkat(tree.fd, "memory.reclaim", 0), errno);
	}
}

/* Others charge it as much as comes back: it is not asked for without end, nor for more than is wanted. */
static void half_of_what_is_left_is_asked_for_where_that_can_be_seen(void **state)
{
	int fd = make_fifo("memory.reclaim", PAGE);
	struct reclaim reclaim;

	(void)state;
	tree_write(&tree, "memory.current", "104857600\n");
	reclaim = run(2, 36 * MIB, false);
	assert_int_equal(reclaim.result, 0);
	assert_int_equal(reclaim.asked, 36 * MIB);
	/* 16 MiB, of 20 half, 5, 2.5, 1.25, 0.625, and the rest */
	assert_written(fd, "1677721610485760524288026214401310720655360655360");
}

static void nothing_is_swapped_out_for_page_cache(void **state)
{
	struct reclaim reclaim = { .cgroup_fd = tree.fd, .version = 2, .bytes = MIB, .cache_only = true };
	int fd = make_fifo("memory.reclaim", PAGE);

	(void)state;
	reclaim_run(&reclaim);
	assert_int_equal(reclaim.result, 0);
	assert_written(fd, "1048576 swappiness=0");
}

static void less_than_was_asked_for_is_no_error_and_ends_it(void **state)
{
	int fd = make_fifo("memory.reclaim", 2 * strlen("16777216"));
	struct reclaim reclaim = run(2, 100 * MIB, false);

	(void)state;
	assert_int_equal(reclaim.result, 0);
	assert_int_equal(reclaim.asked, 48 * MIB); /* the third was asked for too, and brought less */
	assert_non_null(strstr(reclaim.why, "no more"));
	assert_non_null(strstr(reclaim.why, "48 MiB of 100 MiB"));
	assert_written(fd, "1677721616777216");
}

static void nothing_is_begun_when_it_was_stopped_before(void **state)
{
	struct reclaim reclaim = { .cgroup_fd = tree.fd, .version = 2, .bytes = MIB, .stop = true };
	int fd = make_fifo("memory.reclaim", PAGE);

	(void)state;
	reclaim_run(&reclaim);
	assert_int_equal(reclaim.result, 0);
	assert_int_equal(reclaim.asked, 0);
	assert_non_null(strstr(reclaim.why, "stopped"));
	assert_written(fd, "");
}

/* A regular file takes all that it is asked for: nothing but the time, or the owner, ends that. */
static void the_time_ends_it(void **state)
{
	struct reclaim reclaim = { .cgroup_fd = tree.fd, .version = 2, .bytes = INT64_MAX, .longest_ns = 5 * 1000000 };

	(void)state;
	tree_write(&tree, "memory.reclaim", "");
	reclaim_run(&reclaim);
	assert_int_equal(reclaim.result, 0);
	assert_true(reclaim.asked >= RECLAIM_BATCH_BYTES && reclaim.asked < INT64_MAX);
	assert_non_null(strstr(reclaim.why, "time"));
}

static void await_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
}

static void its_owner_stops_it_while_a_worker_does_it(void **state)
{
	struct reclaim reclaim = { .cgroup_fd = tree.fd, .version = 2, .bytes = INT64_MAX };
	int changes = inotify_init1(IN_CLOEXEC);
	char path[PATH_MAX];
	struct worker *worker;
	uint64_t cpu_ns;
	void *left;

	(void)state;
	tree_write(&tree, "memory.reclaim", "");
	assert_true(inotify_add_watch(changes, tree_path(&tree, "memory.reclaim", path), IN_MODIFY) >= 0);
	assert_int_equal(worker_open(&worker), 0);
	worker_start(worker, reclaim_run, &reclaim);
	await_readable(changes);
	reclaim.stop = true;
	await_readable(worker_fd(worker));
	assert_ptr_equal(worker_take(worker, &cpu_ns), &reclaim);
	assert_int_equal(reclaim.result, 0);
	assert_true(reclaim.asked >= RECLAIM_BATCH_BYTES);
	assert_non_null(strstr(reclaim.why, "stopped"));
	assert_true(worker_close(worker, &left));
	close(changes);
}

static void version_1_is_refused_unless_it_is_forced(void **state)
{
	int fd = make_fifo("memory.force_empty", PAGE);
	struct reclaim reclaim = run(1, 16 * MIB, false);
	char why[WHY_MAX];

	(void)state;
	assert_int_equal(reclaim.result, -EPERM);
	assert_int_equal(reclaim.asked, 0);
	assert_non_null(strstr(reclaim.why, "page cache"));
	assert_int_equal(reclaim_check(tree.fd, 1, false, why, sizeof(why)), -EPERM);
	assert_string_equal(why, reclaim.why);
	assert_int_equal(reclaim_check(tree.fd, 1, true, why, sizeof(why)), 0);
	reclaim = run(1, 16 * MIB, true);
	assert_int_equal(reclaim.result, 0);
	assert_int_equal(reclaim.asked, UNKNOWN);
	assert_string_equal(reclaim.why, "");
	assert_written(fd, "0"); /* once: the refused one and the two checks wrote nothing */
}

static void a_check_writes_nothing(void **state)
{
	int fd = make_fifo("memory.reclaim", PAGE);
	char why[WHY_MAX];

	(void)state;
	assert_int_equal(reclaim_check(tree.fd, 2, false, why, sizeof(why)), 0);
	assert_written(fd, "");
}

/* Both say the same of it. */
static void assert_fails(int version, int error, const char *said)
{
	struct reclaim reclaim = run(version, MIB, true);
	char why[WHY_MAX] = "";

	assert_int_equal(reclaim.result, error);
	assert_non_null(strstr(reclaim.why, said));
	assert_null(strchr(reclaim.why, '\n'));
	assert_int_equal(reclaim_check(tree.fd, version, true, why, sizeof(why)), error);
	assert_string_equal(why, reclaim.why);
}

static void a_kernel_or_cgroup_without_the_file_is_told_with_what_it_needs(void **state)
{
	(void)state;
	assert_fails(2, -ENOENT, "Linux 5.19");
	assert_fails(2, -ENOENT, "+memory");
	assert_fails(1, -ENOENT, "memory.force_empty");
}

static void a_cgroup_that_is_gone_is_told(void **state)
{
	(void)state;
	assert_return_code(unlinkat(tree.fd, "cgroup.procs", 0), errno);
	assert_fails(2, -ENODEV, "gone");
	assert_fails(1, -ENODEV, "gone");
}

static void a_link_is_not_followed(void **state)
{
	(void)state;
	tree_write(&tree, "elsewhere", "");
	assert_return_code(symlinkat("elsewhere", tree.fd, "memory.reclaim"), errno);
	assert_fails(2, -ELOOP, "memory.reclaim");
}

static void fewer_bytes_than_one_are_refused(void **state)
{
	int fd = make_fifo("memory.reclaim", PAGE);

	(void)state;
	assert_int_equal(run(2, 0, false).result, -EINVAL);
	assert_int_equal(run(2, -1, false).result, -EINVAL);
	assert_int_equal(run(2, UNKNOWN, false).result, -EINVAL);
	assert_written(fd, "");
}

/* In a child, which becomes what the test needs; its status is 0 when all was as expected. */
static int status_of(int (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int expect_error(int cgroup_fd, int error, const char *said)
{
	char why[WHY_MAX];

	return reclaim_check(cgroup_fd, 2, false, why, sizeof(why)) == error && strstr(why, said) ? 0 : 1;
}

static int try_as_somebody_else(void)
{
	if (!geteuid() && seteuid(65534))
		return 99;
	return expect_error(tree.fd, -EACCES, "as root");
}

static void who_may_not_write_is_told(void **state)
{
	(void)state;
	tree_write(&tree, "memory.reclaim", "");
	assert_return_code(fchmodat(tree.fd, "memory.reclaim", 0444, 0), errno);
	assert_return_code(fchmod(tree.fd, 0755), errno);
	assert_int_equal(status_of(try_as_somebody_else), 0);
}

#define NO_NAMESPACES 77

static int try_read_only(void)
{
	int fd;

	if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)))
		return NO_NAMESPACES;
	if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) || mount(tree.path, tree.path, "none", MS_BIND, NULL) ||
	    mount("none", tree.path, "none", MS_BIND | MS_REMOUNT | MS_RDONLY, NULL))
		return NO_NAMESPACES;
	fd = open(tree.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return expect_error(fd, -EROFS, "read-only");
}

static void a_read_only_mount_is_told(void **state)
{
	int status;

	(void)state;
	tree_write(&tree, "memory.reclaim", "");
	status = status_of(try_read_only);
	if (status == NO_NAMESPACES) {
		print_message("no mount can be made here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void every_error_has_one_line_even_in_a_short_buffer(void **state)
{
	static const int errors[] = { -EPERM, -EACCES, -EROFS, -ENOENT, -ENODEV, -EINVAL, -EIO, -ENOMEM };

	(void)state;
	for (int version = 1; version <= 2; version++) {
		for (size_t i = 0; i < COUNT_OF(errors); i++) {
			char why[WHY_MAX] = "", cut[9] = "xxxxxxxx";

			reclaim_explain(errors[i], version, why, sizeof(why));
			check_row(strerror(-errors[i]), why[0] && !strchr(why, '\n') && strlen(why) < sizeof(why) - 1);
			reclaim_explain(errors[i], version, cut, 8);
			check_row(strerror(-errors[i]), !strncmp(cut, why, 7) && !cut[7] && strlen(cut) == 7);
		}
	}
}

#define on_a_cgroup(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		on_a_cgroup(it_is_asked_for_in_batches),
		on_a_cgroup(half_of_what_is_left_is_asked_for_where_that_can_be_seen),
		on_a_cgroup(nothing_is_swapped_out_for_page_cache),
		on_a_cgroup(less_than_was_asked_for_is_no_error_and_ends_it),
		on_a_cgroup(nothing_is_begun_when_it_was_stopped_before),
		on_a_cgroup(the_time_ends_it),
		on_a_cgroup(its_owner_stops_it_while_a_worker_does_it),
		on_a_cgroup(version_1_is_refused_unless_it_is_forced),
		on_a_cgroup(a_check_writes_nothing),
		on_a_cgroup(a_kernel_or_cgroup_without_the_file_is_told_with_what_it_needs),
		on_a_cgroup(a_cgroup_that_is_gone_is_told),
		on_a_cgroup(a_link_is_not_followed),
		on_a_cgroup(fewer_bytes_than_one_are_refused),
		on_a_cgroup(who_may_not_write_is_told),
		on_a_cgroup(a_read_only_mount_is_told),
		on_a_cgroup(every_error_has_one_line_even_in_a_short_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
