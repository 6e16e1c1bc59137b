// SPDX-License-Identifier: GPL-2.0-only
/* What a signal would do to real children, each in a state that the test waited for. */
#include "tests/unit/helpers.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>

#include "user/base/fs.h"
#include "user/kernel/signals.h"

static int proc_fd;

static int setup(void **state)
{
	(void)state;
	proc_fd = open_proc();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return close(proc_fd);
}

static void masks_are_read_from_their_lines(void **state)
{
	struct signal_masks masks;

	(void)state;
	assert_int_equal(signal_masks_parse("Name:\tSigCgt:\nShdPnd:\t0000000000000007\nSigBlk:\t0000000000000200\n"
					    "SigIgn:\t8000000000000001\nSigCgt:\tffffffffffffffff\nCapInh:\t0000000000000001\n",
					    &masks), 0);
	assert_true(masks.blocked == 0x200);
	assert_true(masks.ignored == 0x8000000000000001);
	assert_true(masks.caught == UINT64_MAX);
}

static void a_text_without_one_of_the_masks_is_refused(void **state)
{
	static const char *const rows[] = {
		"", "\n",
		"\nSigBlk:\t0\nSigIgn:\t0\n", "\nSigBlk:\t0\nSigCgt:\t0\n", "\nSigIgn:\t0\nSigCgt:\t0\n",
		"\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:", "\nSigBlk:\tx\nSigIgn:\t0\nSigCgt:\t0\n",
		"\nSigBlk:\t0\nSigIgn:\t0\nxSigCgt:\t0\n", "Name:\tSigBlk: SigIgn: SigCgt:\n",
	};
	struct signal_masks masks;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i], signal_masks_parse(rows[i], &masks) == -EINVAL);
}

static void handler(int signal)
{
	(void)signal;
}

static void set_action(int signal, void (*action)(int))
{
	sigaction(signal, &(struct sigaction){ .sa_handler = action }, NULL);
}

static sigset_t set_of(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	return set;
}

static void block(int signal)
{
	sigset_t set = set_of(signal);

	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static _Noreturn void wait_for_the_end(int ready_fd)
{
	child_is_ready(ready_fd);
	for (;;)
		pause();
}

/* The same of every child: SIGUSR1 in a state of its own, SIGUSR2 at its default. */
static void with_default(int ready_fd)
{
	set_action(SIGUSR1, SIG_DFL);
	wait_for_the_end(ready_fd);
}

static void with_ignored(int ready_fd)
{
	set_action(SIGUSR1, SIG_IGN);
	wait_for_the_end(ready_fd);
}

static void with_handler(int ready_fd)
{
	set_action(SIGUSR1, handler);
	wait_for_the_end(ready_fd);
}

static void with_blocked(int ready_fd)
{
	block(SIGUSR1);
	wait_for_the_end(ready_fd);
}

static void with_blocked_and_ignored(int ready_fd)
{
	set_action(SIGUSR1, SIG_IGN);
	with_blocked(ready_fd);
}

static void with_signalfd(int ready_fd)
{
	sigset_t set = set_of(SIGUSR1);

	block(SIGUSR1);
	if (signalfd(-1, &set, SFD_CLOEXEC) < 0)
		_exit(98);
	wait_for_the_end(ready_fd);
}

static void with_signalfd_for_another(int ready_fd)
{
	sigset_t set = set_of(SIGUSR2);

	block(SIGUSR1);
	if (signalfd(-1, &set, SFD_CLOEXEC) < 0)
		_exit(98);
	wait_for_the_end(ready_fd);
}

static void with_signalfd_but_not_blocked(int ready_fd)
{
	sigset_t set = set_of(SIGUSR1);

	if (signalfd(-1, &set, SFD_CLOEXEC) < 0)
		_exit(98);
	wait_for_the_end(ready_fd);
}

/* Whether a thread of this process is inside a system call, by what the kernel shows of it. */
static bool is_inside(pid_t tid, long call)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	return read_file_at(AT_FDCWD, path, text, sizeof(text)) > 0 && atol(text) == call;
}

/* Until it is; a minute is far more than any machine needs. */
static void await_inside(pid_t tid, long call)
{
	for (int i = 0; i < 60 * 1000; i++) {
		if (is_inside(tid, call))
			return;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	_exit(97);
}

static pid_t waiter_tid;
static int waiter_signal;

static void *wait_for_signal(void *data)
{
	sigset_t set = set_of(waiter_signal);
	int signal;

	__atomic_store_n(&waiter_tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	for (;;)
		sigwait(&set, &signal);
	return data;
}

/* Keeps the signal blocked meanwhile, though a set with it in it is the call's first argument as well. */
static void *suspend(void *data)
{
	sigset_t set = set_of(waiter_signal);

	__atomic_store_n(&waiter_tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	for (;;)
		sigsuspend(&set);
	return data;
}

/* Begins a thread that inherits this one's mask and sits in a system call. */
static void start_thread(void *(*body)(void *), long call, int signal)
{
	pthread_t thread;
	pid_t tid;

	waiter_signal = signal;
	if (pthread_create(&thread, NULL, body, NULL))
		_exit(96);
	while (!(tid = __atomic_load_n(&waiter_tid, __ATOMIC_ACQUIRE)))
		;
	await_inside(tid, call);
}

static void start_waiter(int signal)
{
	start_thread(wait_for_signal, SYS_rt_sigtimedwait, signal);
}

static void with_sigsuspend_in_a_thread(int ready_fd)
{
	block(SIGUSR1);
	start_thread(suspend, SYS_rt_sigsuspend, SIGUSR1);
	wait_for_the_end(ready_fd);
}

static void with_sigwait_in_a_thread(int ready_fd)
{
	block(SIGUSR1);
	start_waiter(SIGUSR1);
	wait_for_the_end(ready_fd);
}

static void with_sigwait_for_another(int ready_fd)
{
	block(SIGUSR1);
	block(SIGUSR2);
	start_waiter(SIGUSR2);
	wait_for_the_end(ready_fd);
}

static void with_sigwait_but_one_thread_open(int ready_fd)
{
	sigset_t set = set_of(SIGUSR1);

	block(SIGUSR1);
	start_waiter(SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	wait_for_the_end(ready_fd);
}

static void *be_idle(void *data)
{
	for (;;)
		pause();
	return data;
}

static void with_one_thread_that_blocks(int ready_fd)
{
	sigset_t set = set_of(SIGUSR1);
	pthread_t thread;

	block(SIGUSR1);
	if (pthread_create(&thread, NULL, be_idle, NULL))
		_exit(96);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	wait_for_the_end(ready_fd);
}

/* A thread inherits the mask when it is made, so all is as it will be when pthread_create() has returned. */
static void the_effect_is_told_for_each_way_to_treat_a_signal(void **state)
{
	static const struct {
		const char *name;
		child_body body;
		enum signal_effect effect;
	} rows[] = {
		{ "default", with_default, SIGNAL_DEFAULT },
		{ "ignored", with_ignored, SIGNAL_IGNORED },
		{ "handler", with_handler, SIGNAL_CAUGHT },
		{ "blocked, nobody waits", with_blocked, SIGNAL_BLOCKED },
		{ "blocked and ignored", with_blocked_and_ignored, SIGNAL_BLOCKED },
		{ "sigwait in a thread", with_sigwait_in_a_thread, SIGNAL_AWAITED },
		{ "sigwait for another signal", with_sigwait_for_another, SIGNAL_BLOCKED },
		{ "sigsuspend that keeps it blocked", with_sigsuspend_in_a_thread, SIGNAL_BLOCKED },
		{ "sigwait, but one thread does not block", with_sigwait_but_one_thread_open, SIGNAL_DEFAULT },
		{ "one of two threads blocks", with_one_thread_that_blocks, SIGNAL_DEFAULT },
		{ "signalfd", with_signalfd, SIGNAL_AWAITED },
		{ "signalfd for another signal", with_signalfd_for_another, SIGNAL_BLOCKED },
		{ "signalfd, not blocked", with_signalfd_but_not_blocked, SIGNAL_DEFAULT },
	};

	(void)state;
	if (getenv("UNDER"))
		skip(); /* valgrind has handlers of its own */
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		pid_t child = child_start(rows[i].body);
		enum signal_effect effect = 99;
		int result = signal_effect_read(proc_fd, child, SIGUSR1, &effect);

		child_kill(child);
		check_row(rows[i].name, result == 0);
		if (effect != rows[i].effect)
			fail_msg("%s: effect %d, not %d", rows[i].name, effect, rows[i].effect);
	}
}

static void with_the_first_and_last_signal_handled(int ready_fd)
{
	set_action(1, handler);
	set_action(64, handler);
	wait_for_the_end(ready_fd);
}

static void the_first_and_the_last_signal_have_bits_of_their_own(void **state)
{
	enum signal_effect effects[4];
	static const int signals[] = { 1, 2, 63, 64 };
	pid_t child;

	(void)state;
	if (getenv("UNDER"))
		skip(); /* valgrind has handlers of its own */
	child = child_start(with_the_first_and_last_signal_handled);
	for (int i = 0; i < 4; i++)
		assert_int_equal(signal_effect_read(proc_fd, child, signals[i], &effects[i]), 0);
	child_kill(child);
	assert_int_equal(effects[0], SIGNAL_CAUGHT);
	assert_int_equal(effects[1], SIGNAL_DEFAULT);
	assert_int_equal(effects[2], SIGNAL_DEFAULT);
	assert_int_equal(effects[3], SIGNAL_CAUGHT);
}

static void a_process_that_is_gone_is_told(void **state)
{
	pid_t child = child_start(with_default);
	enum signal_effect effect;

	(void)state;
	child_kill(child);
	assert_int_equal(signal_effect_read(proc_fd, child, SIGUSR1, &effect), -ESRCH);
}

/* SIGUSR1 is blocked, and not caught. */
#define BLOCKS_USR1 "Name:\tx\nSigBlk:\t0000000000000200\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n"

static void a_thread_that_cannot_be_read_is_not_taken_for_one_that_blocks(void **state)
{
	struct tree tree = tree_make();
	enum signal_effect effect = SIGNAL_DEFAULT;

	(void)state;
	for (const char *const *name = (const char *const[]){ "7", "7/task", "7/task/7", "7/task/8", "7/fdinfo", NULL }; *name; name++)
		tree_mkdir(&tree, *name);
	tree_write(&tree, "7/status", BLOCKS_USR1);
	tree_write(&tree, "7/task/7/status", BLOCKS_USR1);
	tree_write(&tree, "7/fdinfo/3", "pos:\t0\nsigmask:\t0000000000000200\n");
	assert_int_equal(signal_effect_read(tree.fd, 7, SIGUSR1, &effect), 0); /* the other thread has just ended */
	assert_int_equal(effect, SIGNAL_AWAITED);
	tree_mkdir(&tree, "7/task/8/status");
	assert_int_equal(signal_effect_read(tree.fd, 7, SIGUSR1, &effect), -EISDIR);
	tree_remove(&tree);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(masks_are_read_from_their_lines),
		cmocka_unit_test(a_text_without_one_of_the_masks_is_refused),
		cmocka_unit_test(the_effect_is_told_for_each_way_to_treat_a_signal),
		cmocka_unit_test(the_first_and_the_last_signal_have_bits_of_their_own),
		cmocka_unit_test(a_process_that_is_gone_is_told),
		cmocka_unit_test(a_thread_that_cannot_be_read_is_not_taken_for_one_that_blocks),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
