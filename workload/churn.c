/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads that allocate and free at once, to measure what watching a malloc/free pair costs. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "workload/clock.h"
#include "workload/pattern.h"
#include "workload/random.h"
#include "workload/thread.h"

/* How long stop() may have to wait for a thread that keeps pace. */
#define LONGEST_SLEEP_NS (10 * NS_PER_MS)
/* A line of the processor's cache, or two threads would slow each other down by counting. */
#define APART 128

struct churner {
	/* written by the thread, read by the main thread */
	_Alignas(APART) _Atomic uint64_t pairs;
	_Atomic uint64_t bytes; /* usable, of all pairs */
	_Atomic int err;

	pthread_t thread;
	size_t size_bytes;
	uint64_t rate; /* of this thread; 0: no limit */
	uint64_t random;
	const _Atomic bool *stop;
};

struct churn {
	size_t count;
	struct churner *churners;
	_Atomic bool stop;
};

static bool stopped(const struct churner *churner)
{
	return atomic_load_explicit(churner->stop, memory_order_relaxed);
}

/* A plain load and store: the thread is the only writer. */
static void count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static bool do_pair(struct churner *churner)
{
	size_t usable_bytes;
	volatile char *block = malloc(1 + random_next(&churner->random) % churner->size_bytes);

	if (!block) {
		churner->err = -ENOMEM;
		return false;
	}
	/* also keeps the compiler from leaving out the pair */
	block[0] = 1;
	usable_bytes = malloc_usable_size((void *)block);
	free((void *)block);
	count(&churner->bytes, usable_bytes);
	count(&churner->pairs, 1);
	return true;
}

static void run_free(struct churner *churner)
{
	while (!stopped(churner) && do_pair(churner))
		;
}

static uint64_t pairs_due(uint64_t elapsed_ns, uint64_t rate)
{
	return elapsed_ns / NS_PER_S * rate + elapsed_ns % NS_PER_S * rate / NS_PER_S;
}

static void run_paced(struct churner *churner)
{
	uint64_t start_ns = clock_now_ns(), pause_ns = NS_PER_S / churner->rate, done = 0;

	/* a thread that wakes up a thousand times a second is busy with that */
	if (pause_ns < NS_PER_MS)
		pause_ns = NS_PER_MS;
	if (pause_ns > LONGEST_SLEEP_NS)
		pause_ns = LONGEST_SLEEP_NS;
	while (!stopped(churner)) {
		uint64_t now_ns = clock_now_ns();

		for (uint64_t due = pairs_due(now_ns - start_ns, churner->rate); done < due; done++)
			if (stopped(churner) || !do_pair(churner))
				return;
		clock_sleep_until(now_ns + pause_ns);
	}
}

static void *run_churner(void *data)
{
	struct churner *churner = data;

	if (churner->rate)
		run_paced(churner);
	else
		run_free(churner);
	return NULL;
}

static int churn_start(struct workload *workload)
{
	const struct options *options = &workload->options;
	struct churn *churn = workload->state;
	uint64_t n = options->threads;
	int err = 0;

	/* no thread without pairs to do */
	if (options->rate && n > options->rate)
		n = options->rate;
	churn->churners = books_map((size_t)n * sizeof(churn->churners[0]));
	if (!churn->churners)
		return -ENOMEM;
	for (uint64_t i = 0; !err && i < n; i++) {
		struct churner *churner = &churn->churners[i];

		churner->size_bytes = options->size_bytes;
		churner->rate = options->rate / n + (i < options->rate % n);
		churner->random = i + 1;
		churner->stop = &churn->stop;
		err = thread_start(&churner->thread, run_churner, churner);
		churn->count += !err;
	}
	return err;
}

static int churn_tick(struct workload *workload)
{
	const struct churn *churn = workload->state;

	for (size_t i = 0; i < churn->count; i++)
		if (churn->churners[i].err)
			return churn->churners[i].err;
	return 0;
}

static void churn_stop(struct workload *workload)
{
	struct churn *churn = workload->state;

	churn->stop = true;
	for (size_t i = 0; i < churn->count; i++)
		pthread_join(churn->churners[i].thread, NULL);
}

/* Between malloc and free a pair is not counted, so nothing is ever held. */
static void churn_count(const struct workload *workload, struct tally *ret)
{
	const struct churn *churn = workload->state;
	struct tally sum = { 0 };

	for (size_t i = 0; i < churn->count; i++) {
		sum.mallocs += churn->churners[i].pairs;
		sum.malloc_bytes += churn->churners[i].bytes;
	}
	sum.frees = sum.mallocs;
	sum.free_bytes = sum.malloc_bytes;
	*ret = sum;
}

static int churn_line(struct workload *workload, const struct tally *tally, char buffer[OUTPUT_LINE_MAX])
{
	snprintf(buffer, OUTPUT_LINE_MAX,
		 "pattern = %s\tHeld = 0 MiB\tBlocks = 0\tPairs = %" PRIu64 "\tTotalAlloc = %" PRIu64 " MiB\n",
		 workload->options.pattern->name, tally->mallocs, tally->malloc_bytes >> 20);
	return 0;
}

const struct pattern pattern_churn = {
	.name = "churn",
	.summary = "--threads (1) that malloc and free blocks of up to --size (1KiB), at --rate or at full speed",
	.uses = USES_SIZE | USES_THREADS | USES_RATE,
	.size_bytes = 1 << 10,
	.threads = 1,
	.state_bytes = sizeof(struct churn),
	.start = churn_start,
	.tick = churn_tick,
	.stop = churn_stop,
	.count = churn_count,
	.line = churn_line,
};
