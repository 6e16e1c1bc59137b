// SPDX-License-Identifier: GPL-2.0-only
/*
 * crosses handler|elsewhere|sigwait RETAINED HELD BLOCK [THREADS]: takes SIGUSR1 in a handler, in one that a thread of its own runs, or by
 * sigwait() in such a thread. THREADS more allocate small blocks all the time. What it does is told it line by line:
 *
 *   fill   so many bytes are freed that malloc retains: they can be trimmed; so many more are held
 *   cross  a block is allocated; it, what is held, and what is retained is given back when the signal comes
 *   raise  it sends the signal to itself right after such a block was allocated and freed: what is as quick as can be on this machine
 *   storm  such a block is allocated and freed each millisecond, from now on, and nothing is given back any more
 *   drop   the signal has its default action from now on
 *
 * It answers with the line's word, and for each signal with a JSON object: how many have come since the one before, when the first of them
 * was seen (CLOCK_MONOTONIC), and how long that was after the moment right before malloc(): nanoseconds.
 */
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define PIECE (64 << 10)
#define MAX_PIECES 1024

static int came_fd;
static _Atomic int64_t seen_ns; /* 0: none since the last answer */
static int64_t cross_ns;
static void *block, *held, *top;
static size_t retained_bytes, held_bytes, block_bytes;
static bool storm;

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void take(int number)
{
	int64_t now = now_ns(), none = 0;
	uint64_t one = 1;

	(void)number;
	atomic_compare_exchange_strong(&seen_ns, &none, now);
	if (write(came_fd, &one, sizeof(one)) != sizeof(one))
		_exit(3);
}

static void *wait_for_signals(void *set)
{
	int number;

	while (!sigwait(set, &number))
		take(number);
	return NULL;
}

static void *be_idle(void *data)
{
	for (;;)
		pause();
	return data;
}

static void *make_noise(void *data)
{
	unsigned int random = 1;

	for (;;) {
		random = random * 1664525 + 1013904223;
		free(malloc(16 + (random >> 16) % 1000));
		usleep(5000);
	}
	return data;
}

static void fill(void)
{
	void *pieces[MAX_PIECES];
	size_t n = retained_bytes / PIECE;

	free(top);
	for (size_t i = 0; i < n; i++)
		pieces[i] = memset(malloc(PIECE), 1, PIECE);
	top = malloc(1000); /* else free() would give it back */
	for (size_t i = 0; i < n; i++)
		free(pieces[i]);
	held = malloc(held_bytes);
}

static void answer(void)
{
	int64_t seen;
	uint64_t n;

	if (read(came_fd, &n, sizeof(n)) != sizeof(n))
		return;
	seen = atomic_exchange(&seen_ns, 0);
	if (!storm) {
		free(block);
		free(held);
		block = held = NULL;
		malloc_trim(0);
	}
	printf("{\"signals\": %" PRIu64 ", \"seen_ns\": %" PRId64 ", \"latency_ns\": %" PRId64 "}\n", n, seen, seen - cross_ns);
}

static void obey(const char *word)
{
	if (!strcmp(word, "fill\n")) {
		fill();
	} else if (!strcmp(word, "cross\n")) {
		cross_ns = now_ns();
		block = malloc(block_bytes);
	} else if (!strcmp(word, "raise\n")) {
		cross_ns = now_ns();
		free(malloc(block_bytes));
		kill(getpid(), SIGUSR1);
	} else if (!strcmp(word, "storm\n")) {
		storm = true;
	} else if (!strcmp(word, "drop\n")) {
		signal(SIGUSR1, SIG_DFL);
	}
	fputs(word, stdout);
}

static void start_threads(int n, void *(*body)(void *), void *data)
{
	pthread_t thread;

	for (int i = 0; i < n; i++)
		if (pthread_create(&thread, NULL, body, data))
			exit(1);
}

int main(int argc, char *argv[])
{
	struct pollfd fds[] = { { .fd = 0, .events = POLLIN }, { .events = POLLIN } };
	char word[32];
	sigset_t set;

	if (argc < 5)
		return 2;
	retained_bytes = strtoul(argv[2], NULL, 0);
	held_bytes = strtoul(argv[3], NULL, 0);
	block_bytes = strtoul(argv[4], NULL, 0);
	came_fd = fds[1].fd = eventfd(0, EFD_NONBLOCK);
	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	if (!strcmp(argv[1], "sigwait")) {
		pthread_sigmask(SIG_BLOCK, &set, NULL);
		start_threads(1, wait_for_signals, &set);
	} else {
		sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = take, .sa_flags = SA_RESTART }, NULL);
	}
	if (!strcmp(argv[1], "elsewhere")) {
		start_threads(1, be_idle, NULL);
		pthread_sigmask(SIG_BLOCK, &set, NULL);
	}
	start_threads(argc > 5 ? atoi(argv[5]) : 0, make_noise, NULL);
	puts("ready");
	for (;;) {
		poll(fds, 2, storm ? 1 : -1);
		if (fds[0].revents && !fgets(word, sizeof(word), stdin))
			return 0;
		if (fds[0].revents)
			obey(word);
		if (storm) {
			cross_ns = now_ns();
			free(malloc(block_bytes));
		}
		answer();
	}
}
