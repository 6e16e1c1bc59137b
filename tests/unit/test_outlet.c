// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "user/base/outlet.h"

static void what_is_written_arrives_at_the_flush(void **state)
{
	struct outlet outlet;
	char text[16];
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	assert_int_equal(outlet_open(&outlet, fds[1]), 0);
	fputs("one\n", outlet.stream);
	assert_int_equal(read(fds[0], text, sizeof(text)), -1);
	assert_int_equal(outlet_flush(&outlet), 0);
	assert_int_equal(read(fds[0], text, sizeof(text)), 4);
	assert_memory_equal(text, "one\n", 4);
	outlet_close(&outlet);
	close(fds[0]);
	close(fds[1]);
}

static void a_failure_stays_one(void **state)
{
	int fd = open("/dev/full", O_WRONLY);
	struct outlet outlet;

	(void)state;
	assert_int_equal(outlet_open(&outlet, fd), 0);
	fputs("one\n", outlet.stream);
	assert_int_equal(outlet_flush(&outlet), -ENOSPC);
	assert_int_equal(outlet_flush(&outlet), -ENOSPC);
	outlet_close(&outlet);
	close(fd);
}

/* Whatever is opened later under that number, it is not written to. */
static void a_file_that_was_closed_is_an_error_for_good(void **state)
{
	struct outlet outlet;
	int fds[2], fd;
	char text[16];

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	fd = dup(fds[1]);
	close(fd);
	assert_int_equal(outlet_open(&outlet, fd), 0);
	assert_int_equal(dup2(fds[1], fd), fd);
	fputs("one\n", outlet.stream);
	assert_int_equal(outlet_flush(&outlet), -EBADF);
	assert_int_equal(read(fds[0], text, sizeof(text)), -1);
	outlet_close(&outlet);
	close(fd);
	close(fds[0]);
	close(fds[1]);
}

#define SLOW_READS 10 /* of half of what has room */
#define PIPE_ROOM (64 << 10)

/* In a process of its own, which is asked to end: its status. */
static int write_when_asked_to_end(int fd)
{
	static char much[(SLOW_READS + 2) * PIPE_ROOM / 2];

	outlet_stop();
	return outlet_write(fd, much, sizeof(much)) ? 1 : 0;
}

static void a_slow_reader_gets_all_though_asked_to_end(void **state)
{
	static char some[PIPE_ROOM / 2];
	int fds[2], status;
	pid_t writer;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	writer = fork();
	if (!writer)
		_exit(write_when_asked_to_end(fds[1]));
	close(fds[1]);
	do {
		/* each is less than what one that has stopped reading gets, all are more */
		usleep(60000);
		n = read(fds[0], some, sizeof(some));
	} while (n > 0);
	close(fds[0]);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
}

/* Last: a process is asked to end once. */
static void a_full_pipe_is_given_up_when_asked_to_end(void **state)
{
	static char much[1 << 20];
	int fds[2], stop[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pipe(stop), 0);
	outlet_set_stop_fd(stop[0]);
	assert_int_equal(write(stop[1], "", 1), 1);
	assert_int_equal(outlet_write(fds[1], much, sizeof(much)), -ECANCELED);
	outlet_set_stop_fd(-1);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(stop[i]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_arrives_at_the_flush),
		cmocka_unit_test(a_failure_stays_one),
		cmocka_unit_test(a_file_that_was_closed_is_an_error_for_good),
		cmocka_unit_test(a_slow_reader_gets_all_though_asked_to_end),
		cmocka_unit_test(a_full_pipe_is_given_up_when_asked_to_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
