// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/base/thread.h"

#define ASKED 7 /* a handler's exit status */

static void handle(int signal)
{
	(void)signal;
	_exit(ASKED);
}

/* As a fault does, but nothing happens where it is blocked. */
static void *fault(void *data)
{
	pthread_kill(pthread_self(), *(int *)data);
	return NULL;
}

/* The exit status of a process whose other thread gets a signal that has a handler. */
static int status_of(int number)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		pthread_t thread;

		signal(number, handle);
		if (thread_start(&thread, fault, &number))
			_exit(1);
		pthread_join(thread, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void the_handler_of_its_own_faults_is_asked(void **state)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(faults); i++)
		assert_int_equal(status_of(faults[i]), ASKED);
}

static void what_is_sent_to_memgap_is_not_its(void **state)
{
	static const int sent[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD, SIGWINCH, SIGUSR1 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sent); i++)
		assert_int_equal(status_of(sent[i]), 0);
}

static void the_first_threads_signals_stay_as_they_were(void **state)
{
	sigset_t before, after;
	pthread_t thread;
	int number = SIGUSR1;

	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(thread_start(&thread, fault, &number), 0);
	pthread_join(thread, NULL);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < NSIG; i++)
		assert_int_equal(sigismember(&before, i), sigismember(&after, i));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_handler_of_its_own_faults_is_asked),
		cmocka_unit_test(what_is_sent_to_memgap_is_not_its),
		cmocka_unit_test(the_first_threads_signals_stay_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
