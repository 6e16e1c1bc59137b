// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <poll.h>
#include <sys/syscall.h>

#include "user/base/shielded.h"

static void what_it_opens_and_closes_is_ours(void **state)
{
	const long arguments[SHIELDED_ARGUMENTS] = { AT_FDCWD, (intptr_t)"/dev/null", O_RDONLY | O_CLOEXEC };
	int fd = (int)shielded_call(SYS_openat, arguments);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	shielded_close(fd);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void an_error_is_told(void **state)
{
	const long arguments[SHIELDED_ARGUMENTS] = { AT_FDCWD, (intptr_t)"/none", O_RDONLY };

	(void)state;
	assert_int_equal(shielded_call(SYS_openat, arguments), -ENOENT);
}

static volatile sig_atomic_t signals;

static void note_signal(int number)
{
	(void)number;
	signals = signals + 1;
}

static void nobody_sees_a_child(void **state)
{
	const long arguments[SHIELDED_ARGUMENTS] = { 0 };
	void (*before)(int number) = signal(SIGCHLD, note_signal);
	pid_t session = getsid(0);
	char name[16], name_before[16];

	(void)state;
	prctl(PR_GET_NAME, name_before);
	assert_true(shielded_call(SYS_getpid, arguments) > 0);
	prctl(PR_GET_NAME, name);
	assert_string_equal(name, name_before);
	assert_int_equal(getsid(0), session);
	assert_int_equal(signals, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG | (int)__WALL), -1);
	assert_int_equal(errno, ECHILD);
	signal(SIGCHLD, before);
}

static int poll_of(int fd, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, timeout_ms) ? poll_fd.revents : 0;
}

/* Until it waits in its call: it has a child then, in a session of its own. */
static void await_child_of(pid_t pid)
{
	char path[64], text[32] = "";

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	for (int i = 0; i < 1000; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		if (read(fd, text, sizeof(text) - 1) > 0 && getsid(atoi(text)) == atoi(text)) {
			close(fd);
			return;
		}
		close(fd);
		usleep(1000);
	}
	fail_msg("no child");
}

/* Its descriptors tell how long somebody holds them. */
static void killed_with_its_group_the_call_goes_to_its_end(void **state)
{
	int wanted[2], held[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(wanted), 0);
	assert_int_equal(pipe(held), 0);
	pid = fork();
	if (!pid) {
		const long arguments[SHIELDED_ARGUMENTS] = { wanted[0], (intptr_t)&byte, 1 };

		setpgid(0, 0);
		close(held[0]);
		close(wanted[1]);
		assert_int_equal(write(held[1], "", 1), 1);
		shielded_call(SYS_read, arguments);
		_exit(0);
	}
	close(held[1]);
	close(wanted[0]);
	assert_int_equal(read(held[0], &byte, 1), 1);
	await_child_of(pid);
	assert_int_equal(kill(-pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(poll_of(held[0], 100), 0);
	assert_int_equal(write(wanted[1], "", 1), 1);
	assert_int_equal(poll_of(held[0], 10000), POLLHUP);
	close(held[0]);
	close(wanted[1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_opens_and_closes_is_ours),
		cmocka_unit_test(an_error_is_told),
		cmocka_unit_test(nobody_sees_a_child),
		cmocka_unit_test(killed_with_its_group_the_call_goes_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
