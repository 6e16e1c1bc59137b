// SPDX-License-Identifier: GPL-2.0-only
/* Threads that allocate all the time, and free what others allocated; only when they are held up is it known how much. */
#include "tests/exercise/ledger.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8
#define SLOTS 512

static struct {
	pthread_barrier_t held, on;
	atomic_bool hold;
	_Atomic(void *) slots[SLOTS];
	struct expected counted[THREADS];
} crowd;

static uint32_t random_of(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	return *state ^= *state << 5;
}

static void *make(struct expected *e, uint32_t random)
{
	size_t size = random % 3000;
	void *block = random & (1 << 20) ? calloc(1, size) : malloc(size);

	tally(e, block, 1);
	if (random & (1 << 21)) {
		tally(e, block, -1);
		block = realloc(block, size * 2 + 1);
		tally(e, block, 1);
	}
	return block;
}

static void *bustle(void *data)
{
	struct expected *e = data;
	uint32_t state = (uint32_t)(e - crowd.counted) + 1;

	for (;;) {
		while (!atomic_load_explicit(&crowd.hold, memory_order_relaxed)) {
			void *block = make(e, random_of(&state));

			block = atomic_exchange(&crowd.slots[random_of(&state) % SLOTS], block);
			if (block)
				tally(e, block, -1);
			free(block);
		}
		pthread_barrier_wait(&crowd.held);
		pthread_barrier_wait(&crowd.on);
	}
	return NULL;
}

/* They begin when they are let go for the first time. What libc allocates for a thread itself is not for us to know. */
static void crowd_start(void)
{
	pthread_barrier_init(&crowd.held, NULL, THREADS + 1);
	pthread_barrier_init(&crowd.on, NULL, THREADS + 1);
	atomic_store(&crowd.hold, true);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, bustle, &crowd.counted[i]))
			abort();
	}
	pthread_barrier_wait(&crowd.held);
}

static void crowd_go(void)
{
	atomic_store(&crowd.hold, false);
	pthread_barrier_wait(&crowd.on);
}

/* Answers with what they have done since they were let go. */
static void crowd_hold(void)
{
	atomic_store(&crowd.hold, true);
	pthread_barrier_wait(&crowd.held);
	for (size_t i = 0; i < THREADS; i++)
		expect_also(&crowd.counted[i]);
	memset(crowd.counted, 0, sizeof(crowd.counted));
}

const struct action crowd_actions[] = {
	{ "crowd_start", crowd_start },
	{ "crowd_go", crowd_go },
	{ "crowd_hold", crowd_hold },
	{ NULL, NULL },
};
