// SPDX-License-Identifier: GPL-2.0-only
/*
 * works WORK [THREADS]: threads that each free a block and allocate another, with a computation of WORK rounds between (1,000 are
 * about a microsecond), among blocks that stay. For each line on stdin it prints what it has done so far, exactly: a JSON object. The lines
 * "work N" and "rest N" change what it computes, or let it sleep so many microseconds after each 100 pairs; "exec" and "exec by thread"
 * have it begin anew, without an answer.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIVE 1000
#define MAX_THREADS 16

struct done {
	_Alignas(64) atomic_ullong pairs, bytes; /* bytes: usable, of all blocks handed out */
	atomic_llong live;
};

static struct done done[MAX_THREADS];
static atomic_long rounds, rest_us;

static unsigned int compute(long n)
{
	volatile unsigned int x = 1;

	while (n-- > 0)
		x = x * 1664525 + 1013904223;
	return x;
}

static void *work(void *data)
{
	struct done *mine = data;
	unsigned int random = 1;
	void *blocks[LIVE] = { 0 };

	for (unsigned long i = 0;; i++) {
		void **block = &blocks[i % LIVE];
		size_t usable;

		random = random * 1664525 + 1013904223;
		if (*block)
			mine->live -= (long long)malloc_usable_size(*block);
		free(*block);
		*block = malloc(16 + (random >> 16) % 1000);
		usable = malloc_usable_size(*block);
		mine->live += (long long)usable;
		atomic_store_explicit(&mine->bytes, mine->bytes + usable, memory_order_relaxed);
		atomic_store_explicit(&mine->pairs, mine->pairs + 1, memory_order_relaxed);
		compute(rounds);
		if (rest_us && i % 100 == 0)
			usleep((unsigned int)rest_us);
	}
	return NULL;
}

static void *begin_anew(void *argv)
{
	execv("/proc/self/exe", argv);
	return NULL;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char *argv[])
{
	int threads = argc > 2 ? atoi(argv[2]) : 1;
	char line[64];
	pthread_t id;

	rounds = argc > 1 ? atol(argv[1]) : 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < threads && i < MAX_THREADS; i++)
		if (pthread_create(&id, NULL, work, &done[i]))
			return 1;
	while (fgets(line, sizeof(line), stdin)) {
		unsigned long long pairs = 0, bytes = 0;
		long long live = 0;

		if (!strncmp(line, "work ", 5))
			rounds = atol(line + 5);
		if (!strncmp(line, "rest ", 5))
			rest_us = atol(line + 5);
		if (!strcmp(line, "exec\n"))
			execv("/proc/self/exe", argv);
		if (!strcmp(line, "exec by thread\n"))
			return pthread_create(&id, NULL, begin_anew, argv) || pause();
		for (int i = 0; i < MAX_THREADS; i++) {
			pairs += done[i].pairs;
			bytes += done[i].bytes;
			live += done[i].live;
		}
		printf("{\"at\": %.6f, \"pairs\": %llu, \"bytes\": %llu, \"live\": %lld}\n", now(), pairs, bytes, live);
	}
	return 0;
}
