/* SPDX-License-Identifier: GPL-2.0-only */
/* Children that treat SIGUSR1 in all kinds of ways. */
#ifndef MEMGAP_TESTS_GATE_CHILDREN_H
#define MEMGAP_TESTS_GATE_CHILDREN_H

#include "tests/integration/gate_ways.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>

#include "user/base/fs.h"

static void set_action(int signal, void (*action)(int))
{
	sigaction(signal, &(struct sigaction){ .sa_handler = action }, NULL);
}

static void set_telling(int signal)
{
	sigaction(signal, &(struct sigaction){ .sa_sigaction = tell, .sa_flags = SA_SIGINFO }, NULL);
}

static void change_mask(int how, int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	pthread_sigmask(how, &set, NULL);
}

static _Noreturn void wait_for_the_end(int ready_fd)
{
	child_is_ready(ready_fd);
	for (;;)
		pause();
}

/* Until the thread is inside that system call; a minute is far more than any machine needs. */
static bool await_inside(int proc_fd, pid_t pid, pid_t tid, long call)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "%d/task/%d/syscall", pid, tid);
	for (int i = 0; i < 60 * 1000; i++) {
		if (read_file_at(proc_fd, path, text, sizeof(text)) > 0 && atol(text) == call)
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return false;
}

static pid_t thread_tid;

static void say_tid(void)
{
	__atomic_store_n(&thread_tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
}

static void *take_by_sigwaitinfo(void *data)
{
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	say_tid();
	for (;;)
		if (sigwaitinfo(&set, &info) == SIGUSR1)
			tell(SIGUSR1, &info, NULL);
	return data;
}

static void *be_idle(void *data)
{
	for (;;)
		pause();
	return data;
}

static void *say_tid_and_be_idle(void *data)
{
	say_tid();
	return be_idle(data);
}

/* They inherit the mask. */
static void start_threads(int n, void *(*body)(void *))
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 32 << 10);
	for (int i = 0; i < n; i++)
		if (pthread_create(&thread, &small, body, NULL))
			_exit(96);
}

static pid_t start_thread(void *(*body)(void *))
{
	thread_tid = 0;
	start_threads(1, body);
	while (!__atomic_load_n(&thread_tid, __ATOMIC_ACQUIRE))
		sched_yield();
	return thread_tid;
}

static void with_default(int ready_fd)
{
	wait_for_the_end(ready_fd);
}

static void with_ignored(int ready_fd)
{
	set_action(SIGUSR1, SIG_IGN);
	wait_for_the_end(ready_fd);
}

static void with_handler(int ready_fd)
{
	set_telling(SIGUSR1);
	wait_for_the_end(ready_fd);
}

static void with_handler_while_it_computes(int ready_fd)
{
	set_telling(SIGUSR1);
	child_is_ready(ready_fd);
	for (;;)
		;
}

static void with_handler_but_stopped(int ready_fd)
{
	set_telling(SIGUSR1);
	child_is_ready(ready_fd);
	raise(SIGSTOP);
	for (;;)
		pause();
}

/* As bash with a trap on EXIT does. */
static void with_all_caught(int ready_fd)
{
	for (int signal = 1; signal < SIGRTMIN; signal++)
		if (signal != SIGURG && signal != SIGCHLD)
			set_telling(signal);
	wait_for_the_end(ready_fd);
}

/* As Go's runtime does. */
static void with_all_and_urgent_caught(int ready_fd)
{
	set_telling(SIGURG);
	with_all_caught(ready_fd);
}

static void with_sigwait_in_a_thread(int ready_fd)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	change_mask(SIG_BLOCK, SIGUSR1);
	if (!await_inside(proc_fd, getpid(), start_thread(take_by_sigwaitinfo), SYS_rt_sigtimedwait))
		_exit(97);
	wait_for_the_end(ready_fd);
}

static void with_sigwait_but_one_thread_open(int ready_fd)
{
	change_mask(SIG_BLOCK, SIGUSR1);
	start_thread(take_by_sigwaitinfo);
	change_mask(SIG_UNBLOCK, SIGUSR1);
	wait_for_the_end(ready_fd);
}

static void with_threads_that_block(int ready_fd, int threads)
{
	change_mask(SIG_BLOCK, SIGUSR1);
	start_threads(threads - 1, be_idle);
	start_thread(take_by_sigwaitinfo);
	wait_for_the_end(ready_fd);
}

static void with_300_threads_that_block(int ready_fd)
{
	with_threads_that_block(ready_fd, 300);
}

static void with_5000_threads_that_block(int ready_fd)
{
	with_threads_that_block(ready_fd, 5000);
}

static void with_300_threads_and_the_last_open(int ready_fd)
{
	change_mask(SIG_BLOCK, SIGUSR1);
	start_threads(299, be_idle);
	change_mask(SIG_UNBLOCK, SIGUSR1);
	start_thread(say_tid_and_be_idle); /* until it runs, a thread blocks everything (pthread_create()) */
	change_mask(SIG_BLOCK, SIGUSR1);
	wait_for_the_end(ready_fd);
}

static void with_handler_and_300_threads(int ready_fd)
{
	start_threads(300, be_idle);
	with_handler(ready_fd);
}

static void with_handler_in_another_thread(int ready_fd)
{
	set_telling(SIGUSR1);
	start_thread(say_tid_and_be_idle);
	change_mask(SIG_BLOCK, SIGUSR1);
	wait_for_the_end(ready_fd);
}

static void with_handler_in_another_thread_but_stopped(int ready_fd)
{
	start_thread(say_tid_and_be_idle);
	change_mask(SIG_BLOCK, SIGUSR1);
	with_handler_but_stopped(ready_fd);
}

static void with_handler_and_a_thread_but_stopped(int ready_fd)
{
	start_thread(say_tid_and_be_idle);
	with_handler_but_stopped(ready_fd);
}

#endif
