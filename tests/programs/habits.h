/* SPDX-License-Identifier: GPL-2.0-only */
/* How each kind of process lives (habits.c says which there are), and what all of them share. */
#ifndef MEMGAP_TESTS_HABITS_H
#define MEMGAP_TESTS_HABITS_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (1 << 20)
#define HOLD_MS 50 /* some intervals of memgap's: it sees what is held */
#define REST_MS 25
#define SHORT_MS 60

enum kind { HANDLES, AWAITS, READS, TOGGLES, FLICKERS, FLUTTERS, ENDS, BECOMES, RACES, FORKS, REUSES, BARE, BLOCKS, KINDS };

/* What all processes share; by kind. */
static struct shared {
	atomic_ulong taken[KINDS], killed[KINDS], failed[KINDS], ended[KINDS];
	atomic_ulong pending, reused;
} *shared;

static int shared_fd;
static enum kind kind;
static atomic_int came; /* since the last look */
static unsigned int seed;

static unsigned int random_below(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

static void take(int number)
{
	(void)number;
	atomic_fetch_add(&shared->taken[kind], 1);
	atomic_store(&came, 1);
}

static void set_action(void (*action)(int))
{
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = action, .sa_flags = SA_RESTART }, NULL);
}

static void sleep_us(long us)
{
	clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void toggle(unsigned int step)
{
	set_action(step % 2 ? take : step % 4 ? SIG_IGN : SIG_DFL);
}

/* Until it comes, but no longer than that. */
static void rest(int ms)
{
	static unsigned int step;
	long end = now_ms() + ms;

	while (now_ms() < end && !atomic_load(&came)) {
		if (kind == TOGGLES)
			toggle(++step);
		sleep_us(kind == TOGGLES ? 20 : 10000);
	}
}

static void work_once(void)
{
	void *first = memset(malloc(BLOCK), 1, BLOCK), *second;

	atomic_store(&came, 0);
	rest(HOLD_MS);
	second = malloc(BLOCK);
	rest(REST_MS);
	free(first);
	free(second);
	atomic_store(&came, 0);
	rest(REST_MS);
}

static void work(int ms)
{
	long end = now_ms() + ms;

	do
		work_once();
	while (!ms || now_ms() < end);
}

static void *toggle_in_thread(void *data)
{
	for (unsigned int step = 0;; step++) {
		toggle(step);
		if (data)
			sleep_us(*(long *)data);
	}
	return NULL;
}

static void *wait_for_signals(void *set)
{
	int number;

	while (!sigwait(set, &number))
		take(number);
	return NULL;
}

static void *read_signals(void *set)
{
	struct signalfd_siginfo info;
	int fd = signalfd(-1, set, SFD_CLOEXEC);

	while (read(fd, &info, sizeof(info)) == sizeof(info))
		take((int)info.ssi_signo);
	return NULL;
}

static void start_thread(void *(*body)(void *), void *data)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, data))
		_exit(90);
}

static void block(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void *become(void *data)
{
	char fd[16];

	if (data)
		sleep_us((long)random_below(SHORT_MS) * 1000);
	snprintf(fd, sizeof(fd), "%d", shared_fd);
	execl("/proc/self/exe", "habits", "--as", random_below(2) ? "handles" : "bare", fd, NULL);
	_exit(91);
}

static atomic_int race_ready, race_begun;
static void *race_blocks[2];

static void spin_us(unsigned int us)
{
	struct timespec now;
	long end;

	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec * 1000000000 + now.tv_nsec + us * 1000;
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (now.tv_sec * 1000000000 + now.tv_nsec < end);
}

static void *become_amid(void *data)
{
	unsigned int random = *(unsigned int *)data;
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", shared_fd);
	sleep_us(HOLD_MS * 1000);
	atomic_store(&race_ready, 1);
	while (!atomic_load(&race_begun))
		;
	spin_us(random);
	execl("/proc/self/exe", "habits", "--as", "ends", fd, NULL);
	_exit(91);
}

/* Its other thread executes a program at about the moment in which it allocates its second block. */
static _Noreturn void race(void)
{
	unsigned int delay = random_below(60);

	start_thread(become_amid, &delay);
	race_blocks[0] = memset(malloc(BLOCK), 1, BLOCK);
	while (!atomic_load(&race_ready))
		sleep_us(50);
	atomic_store(&race_begun, 1);
	spin_us(random_below(20));
	race_blocks[1] = malloc(BLOCK);
	for (;;)
		pause();
}

/* Whether a child died of the signal, or of what it did itself. */
static void judge(enum kind of, int status)
{
	atomic_fetch_add(&shared->ended[of], 1);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1)
		atomic_fetch_add(&shared->killed[of], 1);
	else if ((WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) || (WIFEXITED(status) && WEXITSTATUS(status)))
		atomic_fetch_add(&shared->failed[of], 1);
}

/* As one that handles it or does not, for a short time. */
static _Noreturn void live_shortly(void)
{
	seed ^= (unsigned int)getpid();
	if (random_below(2)) {
		set_action(take);
		work((int)random_below(SHORT_MS) + 1);
	} else {
		set_action(SIG_DFL);
		work((int)random_below(SHORT_MS) + 1);
	}
	_exit(0);
}

static void have_children(void)
{
	for (;;) {
		pid_t child = fork();
		int status;

		if (!child)
			live_shortly();
		work_once();
		waitpid(child, &status, 0);
		judge(FORKS, status);
	}
}

static void take_by_handler_and(void)
{
	static long flicker_us = 10000;

	set_action(take);
	switch (kind) {
	case FLICKERS:
		start_thread(toggle_in_thread, &flicker_us);
		break;
	case FLUTTERS:
		start_thread(toggle_in_thread, NULL);
		break;
	case ENDS:
		work((int)random_below(4 * SHORT_MS) + 1);
		raise(random_below(2) ? SIGKILL : SIGCONT);
		_exit(0);
	case BECOMES:
		if (random_below(2)) {
			work((int)random_below(SHORT_MS) + 1);
			become(NULL);
		}
		start_thread(become, shared);
		break;
	case RACES:
		race();
	case FORKS:
		have_children();
	default:
		break;
	}
	work(0);
}

static _Noreturn void live(void)
{
	sigset_t set;

	seed ^= (unsigned int)(getpid() * 7919 + now_ms());
	switch (kind) {
	case AWAITS:
		block(&set);
		start_thread(wait_for_signals, &set);
		break;
	case READS:
		block(&set);
		start_thread(read_signals, &set);
		break;
	case BLOCKS:
		block(&set);
		break;
	case BARE:
		break;
	case REUSES:
		live_shortly();
	default:
		take_by_handler_and();
	}
	work(0);
	_exit(0);
}

#endif
