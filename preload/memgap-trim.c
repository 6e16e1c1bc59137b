/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The handler wakes up a thread, which trims: malloc_trim() is not for signal handlers.
 *
 * The thread does not wait in sigwait() for the signal itself. It would take it from a program that does so too, or that has a signalfd; and
 * the signal would have to be blocked in all threads, which children inherit through fork() and exec(). It waits on a word that the
 * handler sets: no thread's id has to be known, and it works in a child of fork() before there is a thread.
 */
#include "memgap-trim.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))
#define OFFERED __attribute__((weak, visibility("default")))

#define SETTING "MEMGAP_TRIM_SIGNAL"
#define FIRST_REAL_TIME 34 /* SIGRTMIN of glibc; musl's is 35, and what sends the signal does not know which libc this is */
#define LAST_REAL_TIME 64
#define FUTEX_WAIT_PRIVATE 128 /* linux/futex.h, which comes with the kernel's headers, not with each libc */
#define FUTEX_WAKE_PRIVATE 129
#define STACK_BYTES (128 << 10) /* functions that are registered run on it, too */

/* What allocators offer: NULL where there is none. By weak references, so that all is looked up when the program is loaded. */
OFFERED int malloc_trim(size_t pad);
OFFERED int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);
OFFERED int je_mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);
OFFERED int _rjem_mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);
OFFERED void MallocExtension_ReleaseFreeMemory(void);
OFFERED void mi_thread_init(void);
OFFERED void mi_collect(bool force);

#define JEMALLOC_PURGE_ALL "arena.4096.purge" /* MALLCTL_ARENAS_ALL, jemalloc.h */

struct function {
	void (*call)(void *);
	void *data;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for all below but asked */
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static struct function functions[MEMGAP_TRIM_FUNCTIONS];
static struct function *running;
static bool has_thread;
static pthread_t thread;
static int trim_signal; /* 0: not known yet */
static atomic_uint asked; /* a futex(2) word: whether a signal has come that no trim has answered */

static void thread_wake(int number)
{
	int err = errno;

	(void)number;
	if (!atomic_exchange(&asked, 1))
		syscall(SYS_futex, &asked, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	errno = err;
}

static void function_call(struct function *function)
{
	struct function copy;

	pthread_mutex_lock(&lock);
	copy = *function;
	running = copy.call ? function : NULL;
	pthread_mutex_unlock(&lock);
	if (!copy.call)
		return;
	copy.call(copy.data);
	pthread_mutex_lock(&lock);
	running = NULL;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
}

static void give_back(void)
{
	for (int i = 0; i < MEMGAP_TRIM_FUNCTIONS; i++)
		function_call(&functions[i]);
	if (malloc_trim)
		malloc_trim(0);
	if (mallctl)
		mallctl(JEMALLOC_PURGE_ALL, NULL, NULL, NULL, 0);
	if (je_mallctl)
		je_mallctl(JEMALLOC_PURGE_ALL, NULL, NULL, NULL, 0);
	if (_rjem_mallctl)
		_rjem_mallctl(JEMALLOC_PURGE_ALL, NULL, NULL, NULL, 0);
	if (MallocExtension_ReleaseFreeMemory)
		MallocExtension_ReleaseFreeMemory();
	/* mi_collect() does nothing in a thread that has no heap yet */
	if (mi_thread_init)
		mi_thread_init();
	if (mi_collect)
		mi_collect(true);
}

static void *thread_run(void *data)
{
	prctl(PR_SET_NAME, "memgap-trim");
	for (;;) {
		while (!atomic_exchange(&asked, 0))
			syscall(SYS_futex, &asked, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
		give_back();
	}
	return data;
}

/* All but what its own faults cause: a program that reports crashes is to see those of its functions, too. */
static void list_blocked(sigset_t *ret)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };

	sigfillset(ret);
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		sigdelset(ret, faults[i]);
}

/* With the lock held. */
static int thread_start(void)
{
	pthread_attr_t attributes;
	sigset_t blocked, before;
	int err;

	list_blocked(&blocked);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	/* it inherits the mask: there is no moment in which it could take a signal */
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	err = pthread_create(&thread, &attributes, thread_run, NULL);
	pthread_attr_destroy(&attributes);
	/* the program's thread-local variables lie on the stack, too, and may not fit */
	if (err == EINVAL && !pthread_attr_init(&attributes)) {
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
		err = pthread_create(&thread, &attributes, thread_run, NULL);
		pthread_attr_destroy(&attributes);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	has_thread = !err;
	return err ? -EAGAIN : 0;
}

static bool handler_is(void (*handler)(int))
{
	struct sigaction action;

	return trim_signal && !sigaction(trim_signal, NULL, &action) && !(action.sa_flags & SA_SIGINFO) && action.sa_handler == handler;
}

static int handler_set(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK };

	sigemptyset(&action.sa_mask);
	return sigaction(trim_signal, &action, NULL) ? -EINVAL : 0;
}

static bool parse_number(const char *text, long least, long most, int *ret)
{
	char *end;
	long number;

	if (*text < '0' || *text > '9')
		return false;
	number = strtol(text, &end, 10);
	if (*end || number < least || number > most)
		return false;
	*ret = (int)number;
	return true;
}

/* 0 for any that is not taken. */
static int parse_signal(const char *text)
{
	int number = 0;

	if (parse_number(text, 1, LAST_REAL_TIME, &number))
		return number == SIGUSR1 || number == SIGUSR2 || number >= FIRST_REAL_TIME ? number : 0;
	if (!strncmp(text, "SIG", 3))
		text += 3;
	if (!strcmp(text, "USR1"))
		return SIGUSR1;
	if (!strcmp(text, "USR2"))
		return SIGUSR2;
	if (!strcmp(text, "RTMIN"))
		return FIRST_REAL_TIME;
	if (!strncmp(text, "RTMIN+", 6) && parse_number(text + 6, 0, LAST_REAL_TIME - FIRST_REAL_TIME, &number))
		return FIRST_REAL_TIME + number;
	return 0;
}

static int read_setting(void)
{
	const char *text = getenv(SETTING);

	trim_signal = parse_signal(text ? text : "USR1");
	return trim_signal ? 0 : -EINVAL;
}

static void complain(void)
{
	char line[256];
	int size = snprintf(line, sizeof(line), "memgap-trim: " SETTING "=%.100s: it may be USR1, USR2, RTMIN to RTMIN+%d, or the number of "
			    "one of these; there will be no trims\n", getenv(SETTING), LAST_REAL_TIME - FIRST_REAL_TIME);

	if (write(STDERR_FILENO, line, (size_t)size) < 0)
		return; /* without a stderr there is nobody to tell */
}

/* With the lock held. The thread comes first: a signal is taken from the moment on in which there is one who answers it. */
static int start(void)
{
	if (!trim_signal && read_setting())
		return -EINVAL;
	if (!handler_is(SIG_DFL) && !handler_is(thread_wake))
		return -EBUSY;
	if (!has_thread && thread_start())
		return -EAGAIN;
	return handler_is(thread_wake) ? 0 : handler_set(thread_wake);
}

PUBLIC int memgap_trim_start(void)
{
	int result;

	pthread_mutex_lock(&lock);
	result = start();
	pthread_mutex_unlock(&lock);
	return result;
}

static struct function *function_find(void (*call)(void *), void *data)
{
	for (int i = 0; i < MEMGAP_TRIM_FUNCTIONS; i++)
		if (functions[i].call == call && (!call || functions[i].data == data))
			return &functions[i];
	return NULL;
}

PUBLIC int memgap_trim_register(void (*function)(void *), void *data)
{
	struct function *vacant;
	int result = 0;

	if (!function)
		return -EINVAL;
	pthread_mutex_lock(&lock);
	vacant = function_find(NULL, NULL);
	if (function_find(function, data))
		result = -EEXIST;
	else if (!vacant)
		result = -ENOSPC;
	else
		*vacant = (struct function){ function, data };
	pthread_mutex_unlock(&lock);
	return result;
}

PUBLIC int memgap_trim_unregister(void (*function)(void *), void *data)
{
	struct function *registered = NULL;

	pthread_mutex_lock(&lock);
	if (function)
		registered = function_find(function, data);
	if (registered) {
		registered->call = NULL;
		while (running == registered && !pthread_equal(thread, pthread_self()))
			pthread_cond_wait(&ended, &lock);
	}
	pthread_mutex_unlock(&lock);
	return registered ? 0 : -ENOENT;
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

/*
 * The child has none of the parent's threads. It gets one at once, since there is no later moment to do so: a signal handler may not, and
 * workers of a server never call us. asked stays as it is: what is in it may have come for the child. glibc takes the stack that the parent's
 * thread has left, so nothing is allocated.
 */
static void after_fork_in_child(void)
{
	lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	ended = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	running = NULL;
	has_thread = false;
	/* without a thread the signal would get lost; with its default effect memgap does not send it */
	if (handler_is(thread_wake) && thread_start())
		handler_set(SIG_DFL);
}

/* An allocator's own handlers for fork() are registered by now, with the thread at the latest: they have run when the child's does. */
__attribute__((constructor)) static void prepare(void)
{
	if (memgap_trim_start() == -EINVAL)
		complain();
	pthread_atfork(before_fork, after_fork, after_fork_in_child);
}
