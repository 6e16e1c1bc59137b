// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program to be made trimmable. For each line on stdin it does something and prints a line. Environment: RAISE: it sends itself so many
 * SIGUSR1 in a constructor. EARLY, when it is compiled: it has a handler before libraries that are linked statically have theirs.
 */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "preload/memgap-trim.h"

#pragma weak memgap_trim_register
#pragma weak memgap_trim_unregister
#pragma weak memgap_trim_start

#define BLOCK_BYTES 1000
#define BLOCKS ((64 << 20) / BLOCK_BYTES)
#define THREADS 4
#define LIVE 2000

static atomic_uint handled, called, errors;
static atomic_bool calm;
static atomic_int caller;
static char caller_name[16];
static atomic_uint purged;
static void *pin;
static pthread_t threads[THREADS];

static void count_signal(int number)
{
	(void)number;
	handled++;
}

#ifdef EARLY
__attribute__((constructor(101))) static void handle_early(void)
{
	signal(SIGUSR1, count_signal);
}
#endif

__attribute__((constructor)) static void raise_early(void)
{
	const char *times = getenv("RAISE");

	for (int i = times ? atoi(times) : 0; i > 0; i--) {
		free(malloc(100000));
		kill(getpid(), SIGUSR1);
	}
}

static void be_called(void *data)
{
	volatile char stack[100 << 10]; /* so much may be used */

	memset((char *)stack, 1, sizeof(stack));
	caller = gettid();
	prctl(PR_GET_NAME, caller_name);
	free(malloc(BLOCK_BYTES));
	called += *(unsigned int *)data;
}

static void be_called_once(void *data)
{
	be_called(data);
	if (memgap_trim_unregister(be_called_once, data))
		errors++;
}

static size_t in_use(void)
{
#ifdef __GLIBC__
	return mallinfo2().uordblks;
#else
	return 0;
#endif
}

/* As a jemalloc that was built with a prefix has it, and exports it from the program. */
int je_mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);
int je_mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size)
{
	if (!strcmp(name, "arena.4096.purge") && !old && !old_size && !new && !new_size)
		purged++;
	return 0;
}

/* 0 at first, 1 while it runs, 2 after that. */
static void be_called_slowly(void *state)
{
	*(atomic_int *)state = 1;
	usleep(300000);
	*(atomic_int *)state = 2;
}

static atomic_bool let_go;

static void be_called_until_let_go(void *state)
{
	*(atomic_int *)state = 1;
	while (!let_go)
		usleep(1000);
	*(atomic_int *)state = 2;
}

/* 64 MiB come and go, and one block stays at the end. */
static void fill(void)
{
	static char *blocks[BLOCKS];

	for (int i = 0; i < BLOCKS; i++)
		memset(blocks[i] = malloc(BLOCK_BYTES), 1, BLOCK_BYTES);
	pin = malloc(BLOCK_BYTES);
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
}

static bool is_intact(const unsigned char *block, size_t size, unsigned char value)
{
	for (size_t i = 0; i < size; i++)
		if (block[i] != value)
			return false;
	return true;
}

/* Blocks of up to 40 KB in any order: each holds a value of its own from its malloc() to its free(). */
static void *storm(void *data)
{
	unsigned int random = (unsigned int)(size_t)data;
	unsigned char *blocks[LIVE] = { 0 };
	size_t sizes[LIVE];

	while (!calm) {
		size_t i = (random = random * 1664525 + 1013904223) >> 8 & 1023;

		if (blocks[i] && !is_intact(blocks[i], sizes[i], (unsigned char)i))
			errors++;
		free(blocks[i]);
		sizes[i] = (size_t)1 << (random >> 20 & 15);
		sizes[i] += random >> 16 & 0xfff;
		blocks[i] = malloc(sizes[i]);
		memset(blocks[i], (unsigned char)i, sizes[i]);
	}
	for (size_t i = 0; i < LIVE; i++)
		free(blocks[i]);
	return NULL;
}

static void storm_begin(void)
{
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, storm, (void *)(i + 1));
}

static void storm_end(void)
{
	calm = true;
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static sigset_t usr1(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return set;
}

static int take_from_sigwait(void)
{
	sigset_t set = usr1();
	int number = 0;

	sigwait(&set, &number);
	return number;
}

static int take_from_signalfd(void)
{
	sigset_t set = usr1();
	struct signalfd_siginfo info = { 0 };

	if (read(signalfd(-1, &set, 0), &info, sizeof(info)) < 0)
		return -1;
	return (int)info.ssi_signo;
}

/* The child says no more. The answer: who it is, and what its heap has more at its start than its parent's. */
static void fork_child(void)
{
	int pipes[2];
	size_t before = in_use(), after = 0;
	pid_t pid = pipe(pipes) ? -1 : fork();

	if (!pid) {
		after = in_use();
		if (write(pipes[1], &after, sizeof(after)) != sizeof(after))
			_exit(1);
		for (;;)
			pause();
	}
	if (read(pipes[0], &after, sizeof(after)) < 0)
		errors++;
	printf("%d %zd\n", pid, (ssize_t)(after - before));
}

static unsigned int one = 1, thousand = 1000;
static atomic_int slow;

/* Each time with other data. */
static int register_many(void)
{
	static unsigned int ones[64];
	static size_t count;

	ones[count] = 1;
	return memgap_trim_register(be_called, &ones[count++]);
}

static int take_signal(const char *line)
{
	sigset_t set = usr1();

	if (!strcmp(line, "block"))
		return pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (!strcmp(line, "handle"))
		return signal(SIGUSR1, count_signal) == SIG_ERR;
	if (!strcmp(line, "default"))
		return signal(SIGUSR1, SIG_DFL) == SIG_ERR;
	if (!strcmp(line, "handled"))
		return (int)handled;
	if (!strcmp(line, "purged"))
		return (int)purged;
	if (!strcmp(line, "sigwait"))
		return take_from_sigwait();
	if (!strcmp(line, "signalfd"))
		return take_from_signalfd();
	return -1000;
}

static int be_registered(const char *line)
{
	if (!strcmp(line, "start"))
		return memgap_trim_start();
	if (!strcmp(line, "register"))
		return memgap_trim_register(be_called, &one);
	if (!strcmp(line, "register thousand"))
		return memgap_trim_register(be_called, &thousand);
	if (!strcmp(line, "register once"))
		return memgap_trim_register(be_called_once, &one);
	if (!strcmp(line, "register nothing"))
		return memgap_trim_register(NULL, &one);
	if (!strcmp(line, "register many"))
		return register_many();
	if (!strcmp(line, "register slow"))
		return memgap_trim_register(be_called_slowly, &slow);
	if (!strcmp(line, "register held"))
		return memgap_trim_register(be_called_until_let_go, &slow);
	if (!strcmp(line, "let go")) {
		let_go = true;
		return 0;
	}
	if (!strcmp(line, "unregister slow"))
		return memgap_trim_unregister(be_called_slowly, &slow);
	if (!strcmp(line, "slow"))
		return slow;
	if (!strcmp(line, "unregister"))
		return memgap_trim_unregister(be_called, &one);
	return -1000;
}

static void answer(const char *line)
{
	int result = take_signal(line);

	if (result == -1000)
		result = be_registered(line);
	if (!strcmp(line, "called"))
		printf("%u %d %s\n", called, caller, caller_name);
	else if (!strcmp(line, "in use"))
		printf("%zu\n", in_use());
	else if (!strcmp(line, "fork"))
		fork_child();
	else
		printf("%d\n", result == -1000 ? (int)errors : result);
}

int main(void)
{
	char line[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "fill"))
			fill();
		if (!strcmp(line, "storm"))
			storm_begin();
		if (!strcmp(line, "calm"))
			storm_end();
		answer(line);
	}
	return 0;
}
