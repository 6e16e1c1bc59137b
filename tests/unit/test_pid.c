// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "user/target/pid.h"

/* Fields 4 to 8, 10 to 21 and all after 22 of proc(5), with values that no other field has. */
#define STAT_AFTER_NAME " S 1 2 3 4 5 4194560 11 12 13 14 15 16 17 18 19 20 21 22 987654321 24 25 26 27"

static int setup(void **state)
{
	static int proc_fd;

	proc_fd = open_proc();
	*state = &proc_fd;
	return 0;
}

static int teardown(void **state)
{
	return close(*(int *)*state);
}

static void stat_is_parsed_whatever_the_name_holds(void **state)
{
	static const char *const names[] = {
		"cat", "", "a b", "(a)", "))((", "a) R 1 2 3", ") S (", "a\nb", "\t", "tmux: server", "\xff\xfe", 
		"kworker/0:1H-events_highpri",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct pid_stat stat;
		char text[512];

		snprintf(text, sizeof(text), "123 (%s)" STAT_AFTER_NAME "\n", names[i]);
		check_row(names[i], pid_stat_parse(text, &stat) == 0);
		assert_string_equal(stat.comm, names[i]);
		assert_int_equal(stat.state, 'S');
		assert_int_equal(stat.flags, 4194560);
		assert_int_equal(stat.start_time, 987654321);
	}
}

static void a_name_too_long_is_cut(void **state)
{
	struct pid_stat stat;
	char name[201], text[512];

	(void)state;
	memset(name, 'n', 200);
	name[200] = '\0';
	snprintf(text, sizeof(text), "123 (%s)" STAT_AFTER_NAME, name);
	assert_int_equal(pid_stat_parse(text, &stat), 0);
	assert_int_equal(strlen(stat.comm), COMM_MAX - 1);
	assert_int_equal(stat.start_time, 987654321);
}

static void large_values_are_kept(void **state)
{
	struct pid_stat stat;

	(void)state;
	assert_int_equal(pid_stat_parse("4194304 (x) Z 1 1 1 0 -1 4294967295 0 0 0 0 0 0 -1 -1 -5 -20 1 0 18446744073709551615 0",
					&stat), 0);
	assert_int_equal(stat.state, 'Z');
	assert_true(stat.flags == UINT32_MAX);
	assert_true(stat.start_time == UINT64_MAX);
}

/* A flag of include/linux/sched.h, and what ps(1) shows as state. */
static void who_has_memory_and_who_shows_it(void **state)
{
	static const struct {
		const char *text;
		bool has, shows;
	} rows[] = {
		{ "7 (sleeps) S 1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 5 0", true, true },
		{ "7 (exits) R 1 1 1 0 -1 4194308 0 0 0 0 0 0 0 0 20 0 1 0 5 0", true, false },
		{ "7 (zombie) Z 1 1 1 0 -1 4194308 0 0 0 0 0 0 0 0 20 0 1 0 5 0", false, false },
		{ "7 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0", false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct pid_stat stat;

		check_row(rows[i].text, pid_stat_parse(rows[i].text, &stat) == 0);
		check_row(rows[i].text, pid_stat_has_memory(&stat) == rows[i].has);
		check_row(rows[i].text, pid_stat_shows_memory(&stat) == rows[i].shows);
	}
}

static void a_text_that_is_no_stat_is_refused_and_nothing_written(void **state)
{
	static const char *const rows[] = { "", "123", "123 (", "123 )", "123 )(", "123 (cat", "123 (cat)", "123 (cat) S",
					    "(((", "123 (cat) S a b c d e f", "\n" };
	struct pid_stat stat = { .comm = "before", .start_time = 5 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i], pid_stat_parse(rows[i], &stat) == -EINVAL);
	assert_string_equal(stat.comm, "before");
	assert_int_equal(stat.start_time, 5);
}

static void a_text_cut_before_the_start_time_is_refused(void **state)
{
	static const char whole[] = "123 (cat)" STAT_AFTER_NAME;
	size_t start_time_at = (size_t)(strstr(whole, "987654321") - whole);
	struct pid_stat stat;
	char text[sizeof(whole)];

	(void)state;
	for (size_t length = 0; length <= start_time_at; length++) {
		memcpy(text, whole, length);
		text[length] = '\0';
		if (pid_stat_parse(text, &stat) != -EINVAL)
			fail_msg("cut to %zu bytes it was taken: \"%s\"", length, text);
	}
}

static void own_stat_shows_own_name_and_the_same_start_each_time(void **state)
{
	struct pid_stat first, second;
	char comm[17] = "";
	int proc_fd = *(int *)*state;

	prctl(PR_GET_NAME, comm);
	assert_int_equal(pid_stat_read(proc_fd, getpid(), &first), 0);
	assert_int_equal(pid_stat_read(proc_fd, getpid(), &second), 0);
	assert_string_equal(first.comm, comm);
	assert_int_equal(first.state, 'R');
	assert_true(first.start_time > 0);
	assert_true(first.start_time == second.start_time);
}

static void a_process_that_is_not_there_has_no_stat(void **state)
{
	struct pid_stat stat;

	assert_int_equal(pid_stat_read(*(int *)*state, INT_MAX, &stat), -ESRCH);
}

static void sleep_for_ever(int ready_fd)
{
	child_is_ready(ready_fd);
	for (;;)
		pause();
}

static void exit_at_once(int ready_fd)
{
	child_is_ready(ready_fd);
}

static void a_living_process_opens_and_is_alive_until_it_is_killed(void **state)
{
	int proc_fd = *(int *)*state;
	pid_t child = child_start(sleep_for_ever);
	struct pid_identity id;
	struct pid_stat stat;
	struct error err;

	assert_int_equal(pid_open(proc_fd, child, &id, &err), 0);
	assert_int_equal(pid_stat_read(proc_fd, child, &stat), 0);
	assert_int_equal(id.pid, child);
	assert_true(id.start_time == stat.start_time);
	assert_string_equal(id.comm, stat.comm);
	assert_true(pid_is_alive(proc_fd, &id));
	kill(child, SIGKILL);
	child_await_zombie(child);
	assert_false(pid_is_alive(proc_fd, &id));
	waitpid(child, NULL, 0);
	assert_false(pid_is_alive(proc_fd, &id));
	pid_close(&id);
	assert_int_equal(id.pidfd, -1);
	pid_close(&id); /* again: nothing happens */
}

static void without_a_descriptor_left_it_is_no_less_alive_and_opening_says_why(void **state)
{
	int proc_fd = *(int *)*state;
	pid_t child = child_start(sleep_for_ever);
	struct pid_identity id, other;
	struct rlimit before, none;
	bool alive, alive_when_killed;
	struct error err;
	int result;

	assert_int_equal(pid_open(proc_fd, child, &id, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 1, before.rlim_max }; /* poll() refuses more entries than that */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	alive = pid_is_alive(proc_fd, &id);
	result = pid_open(proc_fd, child, &other, &err);
	kill(child, SIGKILL);
	child_await_zombie(child);
	alive_when_killed = pid_is_alive(proc_fd, &id);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(alive);
	assert_false(alive_when_killed);
	assert_int_equal(result, -1);
	assert_int_equal(err.status, EXIT_HOST);
	assert_string_equal(err.text, "out of file descriptors: raise the limit (ulimit -n)");
	waitpid(child, NULL, 0);
	pid_close(&id);
}

static void another_start_time_is_another_process(void **state)
{
	int proc_fd = *(int *)*state;
	pid_t child = child_start(sleep_for_ever);
	struct pid_identity id;
	struct error err;

	assert_int_equal(pid_open(proc_fd, child, &id, &err), 0);
	id.start_time++;
	assert_false(pid_is_alive(proc_fd, &id));
	pid_close(&id);
	child_kill(child);
}

static void assert_refused(int proc_fd, pid_t pid, const char *reason)
{
	struct pid_identity id = { .pid = -5, .pidfd = -5 };
	struct error err = { 0 };

	assert_int_equal(pid_open(proc_fd, pid, &id, &err), -1);
	if (!strstr(err.text, reason))
		fail_msg("not for being a %s but: %s", reason, err.text);
	assert_int_equal(err.status, EXIT_TARGET);
	assert_int_equal(id.pid, -5);
	assert_int_equal(id.pidfd, -5);
}

static void a_zombie_does_not_open(void **state)
{
	pid_t child = child_start(exit_at_once);

	child_await_zombie(child);
	assert_refused(*(int *)*state, child, "zombie");
	waitpid(child, NULL, 0);
	assert_refused(*(int *)*state, child, "no process");
}

static void a_pid_that_is_not_there_does_not_open(void **state)
{
	assert_refused(*(int *)*state, INT_MAX, "no process");
}

struct thread {
	int tid_pipe[2], end_pipe[2];
};

static void *tell_tid_and_wait(void *data)
{
	struct thread *thread = data;
	pid_t tid = (pid_t)syscall(SYS_gettid);
	char byte;

	if (write(thread->tid_pipe[1], &tid, sizeof(tid)) != sizeof(tid) || read(thread->end_pipe[0], &byte, 1) != 1)
		abort();
	return NULL;
}

static void a_thread_that_is_no_process_does_not_open(void **state)
{
	struct thread thread;
	pthread_t handle;
	pid_t tid;

	assert_return_code(pipe(thread.tid_pipe), errno);
	assert_return_code(pipe(thread.end_pipe), errno);
	assert_int_equal(pthread_create(&handle, NULL, tell_tid_and_wait, &thread), 0);
	assert_int_equal(read(thread.tid_pipe[0], &tid, sizeof(tid)), sizeof(tid));
	assert_refused(*(int *)*state, tid, "thread");
	assert_int_equal(write(thread.end_pipe[1], "", 1), 1);
	pthread_join(handle, NULL);
	for (int i = 0; i < 2; i++) {
		close(thread.tid_pipe[i]);
		close(thread.end_pipe[i]);
	}
}

static void a_kernel_thread_does_not_open(void **state)
{
	int proc_fd = *(int *)*state;
	struct pid_stat stat;

	if (pid_stat_read(proc_fd, 2, &stat) || strcmp(stat.comm, "kthreadd")) {
		print_message("no kernel thread is to be seen in this pid namespace\n");
		skip();
	}
	assert_refused(proc_fd, 2, "kernel thread");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_is_parsed_whatever_the_name_holds),
		cmocka_unit_test(a_name_too_long_is_cut),
		cmocka_unit_test(large_values_are_kept),
		cmocka_unit_test(who_has_memory_and_who_shows_it),
		cmocka_unit_test(a_text_that_is_no_stat_is_refused_and_nothing_written),
		cmocka_unit_test(a_text_cut_before_the_start_time_is_refused),
		cmocka_unit_test(own_stat_shows_own_name_and_the_same_start_each_time),
		cmocka_unit_test(a_process_that_is_not_there_has_no_stat),
		cmocka_unit_test(a_living_process_opens_and_is_alive_until_it_is_killed),
		cmocka_unit_test(without_a_descriptor_left_it_is_no_less_alive_and_opening_says_why),
		cmocka_unit_test(another_start_time_is_another_process),
		cmocka_unit_test(a_zombie_does_not_open),
		cmocka_unit_test(a_pid_that_is_not_there_does_not_open),
		cmocka_unit_test(a_thread_that_is_no_process_does_not_open),
		cmocka_unit_test(a_kernel_thread_does_not_open),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
