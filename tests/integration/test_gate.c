// SPDX-License-Identifier: GPL-2.0-only
/* The gate lets a signal through to those that expect it, both of its ways. */
#include "tests/integration/gate_children.h"

#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/ptrace.h>

static const struct {
	const char *name;
	child_body body;
	enum gate_result result;
} rows[] = {
	{ "default", with_default, GATE_UNEXPECTED },
	{ "ignored", with_ignored, GATE_UNEXPECTED },
	{ "handler, asleep", with_handler, GATE_SENT },
	{ "handler, computing", with_handler_while_it_computes, GATE_SENT },
	{ "handler, 300 threads", with_handler_and_300_threads, GATE_SENT },
	{ "handler, the first thread blocks", with_handler_in_another_thread, GATE_SENT },
	{ "a handler for all that ends a process", with_all_caught, GATE_UNEXPECTED },
	{ "and for SIGURG", with_all_and_urgent_caught, GATE_SENT },
	{ "sigwait in a thread", with_sigwait_in_a_thread, GATE_SENT },
	{ "sigwait, but one thread does not block", with_sigwait_but_one_thread_open, GATE_UNEXPECTED },
	{ "sigwait, 300 threads that block", with_300_threads_that_block, GATE_SENT },
	{ "300 threads, the last does not block", with_300_threads_and_the_last_open, GATE_UNEXPECTED },
	{ "sigwait, more threads than are looked at", with_5000_threads_that_block, GATE_UNABLE },
};

/* The child is told apart from a dead one by what it takes, or that it is still there. */
static void check_outcome(const char *name, pid_t child, enum gate_result result)
{
	struct taken taken;

	if (result == GATE_SENT) {
		taken = await_taken();
		if (taken.signal != SIGUSR1 || taken.code != SI_KERNEL || taken.pid != 0)
			fail_msg("%s: took signal %d with code %d of pid %d", name, taken.signal, taken.code, taken.pid);
	}
	check_row(name, waitpid(child, NULL, WNOHANG) == 0);
}

/* It is to come within 50 ms, which on a crowded machine it may not. */
static enum gate_result send_until_it_comes(const struct ways *ways, pid_t child)
{
	enum gate_result result = GATE_BUSY;

	for (int i = 0; i < 100 && result == GATE_BUSY; i++)
		result = gate_send(ways->gate, child, start_of(ways->proc_fd, child), SIGUSR1);
	return result;
}

static void a_signal_goes_to_who_expects_it(void **state)
{
	const struct ways *ways = *state;

	need_gate(ways);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		pid_t child = start(rows[i].body);
		enum gate_result result = send_until_it_comes(ways, child);

		if (result != rows[i].result)
			fail_msg("%s: result %d, not %d", rows[i].name, result, rows[i].result);
		check_outcome(rows[i].name, child, result);
		child_kill(child);
	}
}

static void so_it_is_without_the_process_s_help(void **state)
{
	static const enum gate_result meaning[] = {
		[MEMGAP_GATE_SENT] = GATE_SENT, [MEMGAP_GATE_UNEXPECTED] = GATE_UNEXPECTED,
		[MEMGAP_GATE_GONE] = GATE_GONE, [MEMGAP_GATE_UNABLE] = GATE_UNABLE,
	};
	const struct ways *ways = *state;

	need_gate(ways);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		pid_t child = start(rows[i].body);
		enum gate_result result = meaning[send_now(ways, child, start_of(ways->proc_fd, child), SIGUSR1)];

		if (result != rows[i].result)
			fail_msg("%s: result %d, not %d", rows[i].name, result, rows[i].result);
		check_outcome(rows[i].name, child, result);
		child_kill(child);
	}
}

static void signals_that_are_none_are_not_expected(void **state)
{
	const struct ways *ways = *state;
	pid_t child;

	need_gate(ways);
	child = start(with_handler);
	for (int signal = -1; signal <= 65; signal += signal ? 65 : 1)
		assert_int_equal(gate_send(ways->gate, child, start_of(ways->proc_fd, child), signal), GATE_UNEXPECTED);
	child_kill(child);
}

static void another_process_with_the_pid_is_told_from_the_one_that_was_meant(void **state)
{
	const struct ways *ways = *state;
	uint64_t start_time;
	pid_t child;

	need_gate(ways);
	child = start(with_handler);
	start_time = start_of(ways->proc_fd, child);
	assert_int_equal(gate_send(ways->gate, child, start_time - 1, SIGUSR1), GATE_GONE);
	assert_int_equal(gate_send(ways->gate, child, start_time + 1, SIGUSR1), GATE_GONE);
	assert_int_equal(gate_send(ways->gate, child, start_time, SIGUSR1), GATE_SENT);
	child_kill(child);
}

static void a_process_that_has_exited_is_gone(void **state)
{
	const struct ways *ways = *state;
	uint64_t start_time;
	pid_t child;

	need_gate(ways);
	child = start(with_handler);
	start_time = start_of(ways->proc_fd, child);
	kill(child, SIGKILL);
	child_await_zombie(child);
	assert_int_equal(gate_send(ways->gate, child, start_time, SIGUSR1), GATE_GONE);
	waitpid(child, NULL, 0);
	assert_int_equal(gate_send(ways->gate, child, start_time, SIGUSR1), GATE_GONE);
}

static void with_handler_and_a_thread(int ready_fd)
{
	siginfo_t tid = { .si_code = start_thread(say_tid_and_be_idle) };

	tell(0, &tid, NULL);
	with_handler(ready_fd);
}

static void a_thread_that_is_not_the_first_is_no_process(void **state)
{
	const struct ways *ways = *state;
	pid_t child, tid;

	need_gate(ways);
	child = start(with_handler_and_a_thread);
	tid = await_taken().code;
	assert_int_equal(gate_send(ways->gate, tid, start_of(ways->proc_fd, tid), SIGUSR1), GATE_GONE);
	child_kill(child);
}

static void *say_ready_when_the_first_has_ended(void *data)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	while (read_file_at(AT_FDCWD, path, text, sizeof(text)) > 0 && !strstr(text, ") Z"))
		sched_yield();
	child_is_ready((int)(intptr_t)data);
	return be_idle(NULL);
}

static void without_its_first_thread(int ready_fd)
{
	pthread_t thread;

	set_telling(SIGUSR1);
	if (pthread_create(&thread, NULL, say_ready_when_the_first_has_ended, (void *)(intptr_t)ready_fd))
		_exit(96);
	pthread_exit(NULL);
}

static void a_process_without_its_first_thread_is_left_to_others(void **state)
{
	const struct ways *ways = *state;
	pid_t child;

	need_gate(ways);
	child = start(without_its_first_thread);
	assert_int_equal(gate_send(ways->gate, child, start_of(ways->proc_fd, child), SIGUSR1), GATE_UNABLE);
	child_kill(child);
}

static void a_stopped_process_takes_it_when_it_goes_on(void **state)
{
	const struct ways *ways = *state;
	siginfo_t info;
	pid_t child;

	need_gate(ways);
	child = start(with_handler_but_stopped);
	assert_return_code(waitid(P_PID, (id_t)child, &info, WSTOPPED), errno);
	assert_int_equal(gate_send(ways->gate, child, start_of(ways->proc_fd, child), SIGUSR1), GATE_SENT);
	kill(child, SIGCONT);
	check_outcome("stopped", child, GATE_SENT);
	child_kill(child);
}

/* Until it goes on, one of its threads may take the handler away, and another the signal. */
static void a_stopped_process_of_several_threads_is_not_sent_it(void **state)
{
	static const child_body bodies[] = { with_handler_and_a_thread_but_stopped, with_handler_in_another_thread_but_stopped };
	const struct ways *ways = *state;
	siginfo_t info;

	need_gate(ways);
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		pid_t child = start(bodies[i]);

		assert_return_code(waitid(P_PID, (id_t)child, &info, WSTOPPED), errno);
		assert_int_equal(gate_send(ways->gate, child, start_of(ways->proc_fd, child), SIGUSR1), ways->posts ? GATE_BUSY : GATE_SENT);
		child_kill(child);
	}
}

/* epoll_wait() returns EINTR whenever a thread is made to come out of it. */
static void with_first_thread_in_epoll_wait(int ready_fd)
{
	struct epoll_event event;
	int fd = epoll_create1(EPOLL_CLOEXEC);

	set_telling(SIGUSR1);
	start_thread(say_tid_and_be_idle);
	change_mask(SIG_BLOCK, SIGUSR1);
	child_is_ready(ready_fd);
	syscall(SYS_epoll_pwait, fd, &event, 1, -1, NULL, sizeof(uint64_t));
	_exit(7);
}

static void a_first_thread_that_blocks_it_is_not_disturbed(void **state)
{
	const struct ways *ways = *state;
	pid_t child;
	int status;

	need_gate(ways);
	child = start(with_first_thread_in_epoll_wait);
	assert_true(await_inside(ways->proc_fd, child, child, SYS_epoll_pwait));
	for (int i = 0; i < 100; i++) {
		assert_int_equal(send_until_it_comes(ways, child), GATE_SENT);
		check_outcome("another thread takes it", child, GATE_SENT);
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
}

static int go_fds[2];

/* Its other thread, when traced, does not end before it is let go: as long the exec is under way. */
static void with_an_exec_to_come(int ready_fd)
{
	siginfo_t tid = { .si_code = start_thread(say_tid_and_be_idle) };
	char byte;

	set_telling(SIGUSR1);
	tell(0, &tid, NULL);
	child_is_ready(ready_fd);
	if (read(go_fds[0], &byte, 1) != 1)
		_exit(93);
	execl("/bin/sleep", "sleep", "60", NULL);
	_exit(94);
}

static void who_begins_another_program_expects_nothing(void **state)
{
	const struct ways *ways = *state;
	uint64_t start_time;
	pid_t child, tid;
	int status;

	need_gate(ways);
	assert_return_code(pipe2(go_fds, O_CLOEXEC), errno);
	child = start(with_an_exec_to_come);
	start_time = start_of(ways->proc_fd, child);
	tid = await_taken().code;
	assert_return_code(ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACEEXIT), errno);
	assert_int_equal(write(go_fds[1], "", 1), 1);
	assert_int_equal(waitpid(tid, &status, __WALL), tid);
	assert_int_equal(status >> 8, SIGTRAP | PTRACE_EVENT_EXIT << 8);
	assert_int_equal(gate_send(ways->gate, child, start_time, SIGUSR1), GATE_UNEXPECTED);
	assert_int_equal(send_now(ways, child, start_time, SIGUSR1), MEMGAP_GATE_UNEXPECTED);
	kill(child, SIGKILL);
	waitpid(tid, NULL, __WALL); /* its tracer's to do, before its process has ended */
	child_kill(child);
}

/* As pid 1 of a pid namespace, whose clock is another as well. */
static int send_in_namespaces(void)
{
	struct gate *gate = NULL;
	int proc_fd;
	pid_t child;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("proc", "/proc", "proc", 0, NULL))
		return 1;
	proc_fd = open_proc();
	child = start(with_handler);
	if (gate_open(&gate))
		return 2;
	if (gate_send(gate, child, start_of(proc_fd, child), SIGUSR1) != GATE_SENT)
		return 3;
	return await_taken().signal == SIGUSR1 ? 0 : 4;
}

static void pids_and_times_are_those_of_the_caller_s_namespaces(void **state)
{
	static const char offset[] = "boottime 1000 0";
	int status, fd;
	pid_t child;

	need_gate(*state);
	child = fork();
	if (!child) {
		if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWTIME))
			_exit(20);
		fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
		if (write(fd, offset, strlen(offset)) < 0)
			_exit(21);
		child = fork();
		if (!child)
			_exit(send_in_namespaces());
		waitpid(child, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 22);
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, W_EXITCODE(0, 0));
}

static void a_namespace_s_init_takes_what_it_has_a_handler_for(void **state)
{
	const struct ways *ways = *state;
	struct taken pid;
	int own_fd;
	pid_t child;

	need_gate(ways);
	own_fd = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	assert_return_code(unshare(CLONE_NEWPID), errno); /* of children alone */
	child = start(with_handler);
	assert_int_equal(gate_send(ways->gate, child, start_of(ways->proc_fd, child), SIGUSR1), GATE_SENT);
	pid = await_taken();
	assert_int_equal(pid.signal, SIGUSR1);
	child_kill(child);
	/* the namespace has ended with its init, and nothing can be started in it: LeakSanitizer would have to */
	assert_return_code(setns(own_fd, CLONE_NEWPID), errno);
	close(own_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signal_goes_to_who_expects_it),
		cmocka_unit_test(so_it_is_without_the_process_s_help),
		cmocka_unit_test(signals_that_are_none_are_not_expected),
		cmocka_unit_test(another_process_with_the_pid_is_told_from_the_one_that_was_meant),
		cmocka_unit_test(a_process_that_has_exited_is_gone),
		cmocka_unit_test(a_thread_that_is_not_the_first_is_no_process),
		cmocka_unit_test(a_process_without_its_first_thread_is_left_to_others),
		cmocka_unit_test(a_stopped_process_takes_it_when_it_goes_on),
		cmocka_unit_test(a_stopped_process_of_several_threads_is_not_sent_it),
		cmocka_unit_test(a_first_thread_that_blocks_it_is_not_disturbed),
		cmocka_unit_test(who_begins_another_program_expects_nothing),
		cmocka_unit_test(pids_and_times_are_those_of_the_caller_s_namespaces),
		cmocka_unit_test(a_namespace_s_init_takes_what_it_has_a_handler_for),
	};

	return cmocka_run_group_tests(tests, ways_open, ways_close);
}
