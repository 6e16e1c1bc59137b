/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program that is to be told of memory pressure: the suite itself, executed again with an environment that names what it
 * watches. Include helpers.h first.
 */
#ifndef MEMGAP_TESTS_UNIT_LISTENER_H
#define MEMGAP_TESTS_UNIT_LISTENER_H

#include <poll.h>
#include <sched.h>
#include <sys/resource.h>

#include "user/target/pid.h"

#define READY_FD 3
#define REPORT_FD 4

/* What it does; paths are as they are before the root is changed. */
struct listening {
	const char *watch;  /* MEMORY_PRESSURE_WATCH; NULL: not set */
	const char *opens;  /* NULL: nothing */
	int flags;          /* to open it with */
	const char *root;   /* that it enters, having opened that; NULL: none */
	int descriptors;    /* that it has open besides */
	size_t more_bytes;  /* of environment */
};

struct listener {
	struct pid_identity id;
	int report_fd; /* each byte that it reads, and 'H' once there is no writer any more */
};

static struct listening listening;
static int report[2];

#define STRING_BYTES (100 * 1024) /* execve(2): 128 KiB at most */

static inline void execute_listener(int ready_fd)
{
	static char watch[8192], descriptors[16], *envp[128];
	char *argv[] = { "listener", (char *)(listening.opens ? listening.opens : ""), NULL, (char *)(listening.root ? listening.root : ""),
			 descriptors, NULL };
	char flags[16];
	int n = 0;

	snprintf(flags, sizeof(flags), "%d", listening.flags);
	snprintf(descriptors, sizeof(descriptors), "%d", listening.descriptors);
	argv[2] = flags;
	envp[n++] = "ASAN_OPTIONS=detect_leaks=0";
	for (size_t bytes = 0; bytes < listening.more_bytes; bytes += STRING_BYTES) {
		char *filler = malloc(STRING_BYTES);

		memset(filler, 'A', STRING_BYTES - 1);
		filler[STRING_BYTES - 1] = '\0';
		envp[n++] = filler;
	}
	snprintf(watch, sizeof(watch), "MEMORY_PRESSURE_WATCH=%s", listening.watch ? listening.watch : "");
	if (listening.watch)
		envp[n++] = watch;
	setrlimit(RLIMIT_STACK, &(struct rlimit){ 64 << 20, RLIM_INFINITY });
	/* their numbers may be each other's */
	ready_fd = fcntl(ready_fd, F_DUPFD, 10);
	report[1] = fcntl(report[1], F_DUPFD, 10);
	dup2(ready_fd, READY_FD);
	dup2(report[1], REPORT_FD);
	close(ready_fd);
	close(report[1]);
	execve("/proc/self/exe", argv, envp);
	_exit(96);
}

static inline struct listener listener_start(int proc_fd, struct listening how)
{
	struct listener listener;
	struct error err;

	listening = how;
	assert_return_code(pipe2(report, O_CLOEXEC), errno);
	assert_int_equal(pid_open(proc_fd, child_start(execute_listener), &listener.id, &err), 0);
	close(report[1]);
	listener.report_fd = report[0];
	return listener;
}

static inline void listener_end(struct listener *listener)
{
	child_kill(listener->id.pid);
	pid_close(&listener->id);
	close(listener->report_fd);
}

/* The next thing that it reports. */
static inline int listener_reports(const struct listener *listener)
{
	struct pollfd poll_fd = { .fd = listener->report_fd, .events = POLLIN };
	unsigned char byte;

	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
	assert_int_equal(read(listener->report_fd, &byte, 1), 1);
	return byte;
}

/* As a program does that listens. */
static inline _Noreturn void listen_to(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char byte;

	for (;;) {
		poll(&poll_fd, 1, -1);
		while (fd >= 0 && read(fd, &byte, 1) == 1)
			if (write(REPORT_FD, &byte, 1) != 1)
				_exit(95);
		if (poll_fd.revents & POLLHUP) {
			if (write(REPORT_FD, "H", 1) != 1)
				_exit(95);
			poll_fd.fd = -1;
		}
	}
}

/* In main(), first: argv of execute_listener(). Does not return in a listener. */
static inline void listener_main(int argc, char *argv[])
{
	int fd = -1;

	if (argc != 5 || strcmp(argv[0], "listener"))
		return;
	for (int i = atoi(argv[4]); i > 0; i--)
		if (dup(READY_FD) < 0)
			_exit(94);
	if (*argv[1] && (fd = open(argv[1], atoi(argv[2]))) < 0)
		_exit(93);
	if (*argv[3] && ((geteuid() && unshare(CLONE_NEWUSER)) || chroot(argv[3]) || chdir("/")))
		_exit(92);
	child_is_ready(READY_FD);
	listen_to(fd);
}

#endif
