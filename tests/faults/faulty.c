// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a memgap of its own these take the places of the functions that want memory, descriptors, threads or processes of the system (-Wl,--wrap, see
 * tests.mk). One call fails: $FAULT=PLACE:N is the Nth from that place, $FAULT=PLACE:0 all of them. PLACE is where it returns to, in hexadecimal, from the start of
 * the program. $FAULT_LOG is a file that gets the places of all calls, eight bytes each, with WANTS_NOTHING those that cannot fail so, and FIRED
 * when one has been made to fail.
 *
 * The libraries have their memory from here, too. $FAULT=libraries:N has the Nth of their calls since main() fail, N+ all memory from then on,
 * whoever's. In $FAULT_LOG they are with LIBRARY, where the library calls and where memgap called it, 24 bits each. Not where a sanitizer has an
 * allocator of its own.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* of fcntl() and syscall(), most calls */
#define WANTS_NOTHING (UINT64_C(1) << 63)
#define LIBRARY (UINT64_C(1) << 62)
#define FIRED (UINT64_C(1) << 61)
#define OF_LIBRARIES "libraries:"

extern const char __executable_start[], etext[];
int __real_open(const char *path, int flags, ...);
int __real_fcntl(int fd, int command, ...);
int __real_sigaction(int signal, const struct sigaction *action, struct sigaction *old);

static int log_fd = -1;
static uint64_t faulty;
static unsigned long nth;
static atomic_ulong seen;
static bool begun, of_libraries, from_then_on;

static void log_line(uint64_t line)
{
	int before = errno;

	/* EPERM: the trial's child, to which its filter leaves exit_group() alone (user/allocator/trial.c); EBADF: a command's, which has closed it */
	if (log_fd >= 0 && write(log_fd, &line, sizeof(line)) != sizeof(line) && errno != EPERM && errno != EBADF)
		abort();
	errno = before;
}

static uint64_t log_place(const void *caller, uint64_t how)
{
	uint64_t place = (uintptr_t)caller - (uintptr_t)__executable_start;

	log_line(place | how);
	return place;
}

static struct sigaction memgaps[NSIG]; /* for deaths, from when it has one on */

/* A library's death of what it was refused is its own: who called libc last is told. */
static void tell_death(int signal)
{
	void *frames[64];
	int n = backtrace(frames, 64);
	Dl_info where;

	for (int i = 1; i < n; i++) {
		if (!dladdr(frames[i], &where) || strstr(where.dli_fname, "/libc.so"))
			continue;
		dprintf(STDERR_FILENO, "\ndied in %s\n", where.dli_fname);
		break;
	}
	__real_sigaction(signal, &memgaps[signal], NULL);
	raise(signal);
}

static bool is_death(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT || signal == SIGFPE || signal == SIGILL;
}

int __wrap_sigaction(int signal, const struct sigaction *action, struct sigaction *old);
int __wrap_sigaction(int signal, const struct sigaction *action, struct sigaction *old)
{
	struct sigaction *now = of_libraries && is_death(signal) ? &memgaps[signal] : NULL;

	log_place(__builtin_return_address(0), WANTS_NOTHING);
	if (!now)
		return __real_sigaction(signal, action, old);
	if (old)
		*old = *now;
	if (action)
		*now = *action;
	return 0;
}

static void fail_libraries(const char *which)
{
	const struct sigaction action = { .sa_handler = tell_death, .sa_flags = SA_NODEFER };
	char *end;

	for (int i = 1; i < NSIG; i++)
		if (is_death(i))
			__real_sigaction(i, &action, NULL);
	nth = strtoul(which, &end, 10);
	from_then_on = *end == '+';
	of_libraries = true;
}

static __attribute__((constructor)) void begin(void)
{
	const char *fault = getenv("FAULT"), *log = getenv("FAULT_LOG");
	char *end;

	if (log) /* out of the way of memgap's own */
		log_fd = __real_fcntl(__real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), F_DUPFD_CLOEXEC, 500);
	backtrace(&(void *){ NULL }, 1); /* it loads a library the first time */
	begun = true;
	if (!fault)
		return;
	if (!strncmp(fault, OF_LIBRARIES, strlen(OF_LIBRARIES))) {
		fail_libraries(fault + strlen(OF_LIBRARIES));
		return;
	}
	faulty = strtoull(fault, &end, 16);
	nth = strtoul(end + 1, NULL, 10);
}

static bool is_to_fail(const void *caller, int error)
{
	uint64_t place = log_place(caller, 0);

	if (!faulty || place != faulty || (atomic_fetch_add(&seen, 1) + 1 != nth && nth))
		return false;
	log_line(FIRED);
	errno = error;
	return true;
}

/* type function(parameters): what it returns instead, with which error, and with which arguments it is called. */
#define FAULTY(type, function, parameters, failure, error, ...)                         \
	type __real_##function parameters;                                              \
	type __wrap_##function parameters;                                              \
	type __wrap_##function parameters                                               \
	{                                                                               \
		if (is_to_fail(__builtin_return_address(0), error))                     \
			return failure;                                                 \
		return __real_##function(__VA_ARGS__);                                  \
	}                                                                               \
	type __real_##function parameters

FAULTY(void *, malloc, (size_t size), NULL, ENOMEM, size);
FAULTY(void *, calloc, (size_t n, size_t size), NULL, ENOMEM, n, size);
FAULTY(void *, realloc, (void *block, size_t size), NULL, ENOMEM, block, size);
FAULTY(void *, reallocarray, (void *block, size_t n, size_t size), NULL, ENOMEM, block, n, size);
FAULTY(char *, strdup, (const char *text), NULL, ENOMEM, text);
FAULTY(char *, strndup, (const char *text, size_t n), NULL, ENOMEM, text, n);
FAULTY(ssize_t, getline, (char **line, size_t *size, FILE *file), -1, ENOMEM, line, size, file);
FAULTY(void *, mmap, (void *at, size_t size, int protection, int flags, int fd, off_t offset), MAP_FAILED, ENOMEM, at, size, protection, flags, fd, offset);
FAULTY(FILE *, fopen, (const char *path, const char *mode), NULL, EMFILE, path, mode);
FAULTY(FILE *, fdopen, (int fd, const char *mode), NULL, ENOMEM, fd, mode);
FAULTY(FILE *, fopencookie, (void *cookie, const char *mode, cookie_io_functions_t functions), NULL, ENOMEM, cookie, mode, functions);
FAULTY(DIR *, opendir, (const char *path), NULL, EMFILE, path);
FAULTY(DIR *, fdopendir, (int fd), NULL, ENOMEM, fd);
FAULTY(int, epoll_create1, (int flags), -1, EMFILE, flags);
FAULTY(int, eventfd, (unsigned int value, int flags), -1, EMFILE, value, flags);
FAULTY(int, timerfd_create, (clockid_t clock, int flags), -1, EMFILE, clock, flags);
FAULTY(int, signalfd, (int fd, const sigset_t *set, int flags), -1, EMFILE, fd, set, flags);
FAULTY(int, inotify_init1, (int flags), -1, EMFILE, flags);
FAULTY(int, pipe2, (int fds[2], int flags), -1, EMFILE, fds, flags);
FAULTY(int, socket, (int family, int type, int protocol), -1, EMFILE, family, type, protocol);
FAULTY(pid_t, fork, (void), -1, EAGAIN);
FAULTY(int, pthread_create, (pthread_t *id, const pthread_attr_t *attributes, void *(*function)(void *), void *data), EAGAIN, EAGAIN, id, attributes, function, data);
FAULTY(int, posix_spawn, (pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes, char *const arguments[],
			  char *const environment[]), EAGAIN, EAGAIN, pid, path, actions, attributes, arguments, environment);

/* Those with a number of arguments that varies get the most there are: what the caller has not passed is not looked at. */
/* NOLINTBEGIN(bugprone-macro-parentheses): names of what it declares */
#define TAKE(list, last, more)                                                          \
	va_list list;                                                                   \
	long more[5];                                                                   \
	va_start(list, last);                                                           \
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)                     \
		more[i] = va_arg(list, long);                                           \
	va_end(list)
/* NOLINTEND(bugprone-macro-parentheses) */

int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	TAKE(list, flags, more);
	return is_to_fail(__builtin_return_address(0), EMFILE) ? -1 : __real_open(path, flags, more[0]);
}

int __real_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...)
{
	TAKE(list, flags, more);
	return is_to_fail(__builtin_return_address(0), EMFILE) ? -1 : __real_openat(at, path, flags, more[0]);
}

int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
	TAKE(list, command, more);
	if (command != F_DUPFD_CLOEXEC)
		log_place(__builtin_return_address(0), WANTS_NOTHING);
	else if (is_to_fail(__builtin_return_address(0), EMFILE))
		return -1;
	return __real_fcntl(fd, command, more[0]);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	TAKE(list, number, more);
	if (number == SYS_exit_group || number == SYS_close)
		log_place(__builtin_return_address(0), WANTS_NOTHING);
	else if (is_to_fail(__builtin_return_address(0), ENOMEM))
		return -1;
	return __real_syscall(number, more[0], more[1], more[2], more[3], more[4]);
}

int __real_clone(int (*function)(void *), void *stack, int flags, void *data, ...);
int __wrap_clone(int (*function)(void *), void *stack, int flags, void *data, ...);
int __wrap_clone(int (*function)(void *), void *stack, int flags, void *data, ...)
{
	return is_to_fail(__builtin_return_address(0), EAGAIN) ? -1 : __real_clone(function, stack, flags, data);
}

int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **text, const char *format, ...)
{
	va_list list;
	int result;

	if (is_to_fail(__builtin_return_address(0), ENOMEM))
		return -1;
	va_start(list, format);
	result = vasprintf(text, format, list);
	va_end(list);
	return result;
}

#ifndef SANITIZED
/* glibc's own names of them (malloc/malloc.c): the libraries call by the others, which a program may define. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);

static bool is_memgaps(const void *caller)
{
	return (const char *)caller >= __executable_start && (const char *)caller < etext;
}

static uint64_t place_of_library(void *caller)
{
	void *frames[64];
	int n = backtrace(frames, 64), i = 0;
	Dl_info where;
	uint64_t place = LIBRARY;

	while (i < n && frames[i] != caller)
		i++;
	while (i < n && !is_memgaps(frames[i]))
		i++;
	if (dladdr(caller, &where))
		place |= (uint64_t)((char *)caller - (char *)where.dli_fbase) & 0xffffff;
	if (i < n)
		place |= ((uint64_t)((char *)frames[i] - __executable_start) & 0xffffff) << 24;
	return place;
}

static bool is_to_fail_for_all(void *caller)
{
	unsigned long n;

	if (!begun)
		return false;
	if (is_memgaps(caller)) {
		n = from_then_on ? atomic_load(&seen) : 0;
	} else {
		if (!of_libraries && log_fd >= 0)
			log_line(place_of_library(caller));
		n = atomic_fetch_add(&seen, of_libraries) + 1;
	}
	if (!of_libraries || n < nth || (n > nth && !from_then_on))
		return false;
	if (n == nth)
		log_line(FIRED);
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return is_to_fail_for_all(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return is_to_fail_for_all(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *block, size_t size)
{
	return is_to_fail_for_all(__builtin_return_address(0)) ? NULL : __libc_realloc(block, size);
}
#endif
