// SPDX-License-Identifier: GPL-2.0-only
/* Threads that allocate, free each other's blocks, and end. */
#include "tests/exercise/ledger.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define ROUNDS 300

static struct {
	pthread_barrier_t start, middle, end;
	void *slots[THREADS][ROUNDS];
	struct expected counted[THREADS];
} crew;

/* Each allocates, all wait, then each frees three quarters of what its neighbour allocated. */
static void *work(void *data)
{
	size_t self = (size_t)(uintptr_t)data, neighbour = (self + 1) % THREADS;
	struct expected *e = &crew.counted[self];

	for (;;) {
		pthread_barrier_wait(&crew.start);
		memset(e, 0, sizeof(*e));
		for (size_t i = 0; i < ROUNDS; i++) {
			void *scratch = malloc(i % 300), *block = malloc(1 + (self + 1) * i % 5000);

			tally(e, scratch, 1);
			tally(e, block, 1);
			tally(e, scratch, -1);
			free(scratch);
			crew.slots[self][i] = block;
		}
		pthread_barrier_wait(&crew.middle);
		for (size_t i = 0; i < ROUNDS; i++) {
			if (i % 4 == 0)
				continue;
			tally(e, crew.slots[neighbour][i], -1);
			free(crew.slots[neighbour][i]);
		}
		pthread_barrier_wait(&crew.end);
	}
	return NULL;
}

/* What libc allocates for a thread itself is not for us to know. */
static void threads_start(void)
{
	pthread_barrier_init(&crew.start, NULL, THREADS + 1);
	pthread_barrier_init(&crew.middle, NULL, THREADS);
	pthread_barrier_init(&crew.end, NULL, THREADS + 1);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, work, (void *)(uintptr_t)i))
			abort();
	}
}

static void threads_work(void)
{
	pthread_barrier_wait(&crew.start);
	pthread_barrier_wait(&crew.end);
	for (size_t i = 0; i < THREADS; i++)
		expect_also(&crew.counted[i]);
}

/* Blocks that a thread freed lie in its cache; when it ends, libc frees them once more, for itself. */
static void *allocate_and_end(void *data)
{
	struct expected *e = data;
	void *blocks[200];

	for (size_t i = 0; i < 200; i++) {
		blocks[i] = malloc(i * 3);
		tally(e, blocks[i], 1);
	}
	for (size_t i = 0; i < 200; i++) {
		tally(e, blocks[i], -1);
		free(blocks[i]);
	}
	return NULL;
}

/* From the second time on, libc uses the first thread's stack again and allocates nothing for it. */
static void thread_ends(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, allocate_and_end, &expected) || pthread_join(thread, NULL))
		abort();
}

const struct action thread_actions[] = {
	{ "threads_start", threads_start },
	{ "threads_work", threads_work },
	{ "thread_ends", thread_ends },
	{ NULL, NULL },
};
