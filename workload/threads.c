/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that allocate and free in step. Each interval every thread replaces all of its blocks: it frees
 * one half of the old ones itself and hands the other half to the next thread, which frees them. Between
 * intervals all threads are at rest and each holds blocks of the same sizes as before.
 */
#include <errno.h>

#include "workload/pattern.h"
#include "workload/thread.h"

struct worker {
	struct crew *crew;
	struct worker *next; /* the one it hands blocks to; with a single thread, itself */
	size_t round;
	void **blocks; /* options.blocks of them, NULL before the first round */
	struct tally tally;
	int err; /* of the round */

	pthread_mutex_t lock; /* of the queue: the thread before fills it, this one empties it */
	void **queue;         /* room for all blocks of a round */
	size_t queued;
};

struct crew {
	size_t step_bytes; /* the sizes are 1, 2, 3… times that, up to --size */
	size_t blocks;
	size_t count;
	struct worker *workers;
	pthread_barrier_t gate;   /* the main thread and all workers: a round begins, a round has ended */
	pthread_barrier_t handed; /* all workers: whatever is handed over is in the queues */
};

static void queue_put(struct worker *worker, void *block)
{
	pthread_mutex_lock(&worker->lock);
	worker->queue[worker->queued++] = block;
	pthread_mutex_unlock(&worker->lock);
}

static void *queue_take(struct worker *worker)
{
	void *block = NULL;

	pthread_mutex_lock(&worker->lock);
	if (worker->queued)
		block = worker->queue[--worker->queued];
	pthread_mutex_unlock(&worker->lock);
	return block;
}

static void replace_blocks(struct worker *worker)
{
	const struct crew *crew = worker->crew;

	for (size_t i = 0; i < crew->blocks; i++) {
		/* a block's size moves on each round, or every free would make room for just its successor */
		size_t bytes = crew->step_bytes * ((i + worker->round) % crew->blocks + 1);
		void *block = tally_malloc(&worker->tally, bytes), *old = worker->blocks[i];

		if (!block) {
			worker->err = -ENOMEM;
			return;
		}
		block_touch(block, bytes);
		worker->blocks[i] = block;
		if (old && i % 2)
			queue_put(worker->next, old);
		else if (old)
			tally_free(&worker->tally, old);
	}
	worker->round++;
}

static void *work(void *data)
{
	struct worker *worker = data;
	void *block;

	for (;;) {
		pthread_barrier_wait(&worker->crew->gate);
		replace_blocks(worker);
		pthread_barrier_wait(&worker->crew->handed);
		while ((block = queue_take(worker)))
			tally_free(&worker->tally, block);
		pthread_barrier_wait(&worker->crew->gate);
	}
	return NULL;
}

static int worker_prepare(struct worker *worker, struct crew *crew, size_t index)
{
	worker->crew = crew;
	worker->next = &crew->workers[(index + 1) % crew->count];
	worker->blocks = books_map(crew->blocks * sizeof(worker->blocks[0]));
	worker->queue = books_map(crew->blocks * sizeof(worker->queue[0]));
	return worker->blocks && worker->queue ? -pthread_mutex_init(&worker->lock, NULL) : -ENOMEM;
}

static int threads_start(struct workload *workload)
{
	const struct options *options = &workload->options;
	struct crew *crew = workload->state;
	pthread_t thread;
	int err = 0;

	crew->blocks = (size_t)options->blocks;
	crew->step_bytes = options->size_bytes / crew->blocks;
	crew->count = (size_t)options->threads;
	crew->workers = books_map(crew->count * sizeof(crew->workers[0]));
	if (!crew->workers)
		return -ENOMEM;
	pthread_barrier_init(&crew->gate, NULL, (unsigned int)crew->count + 1);
	pthread_barrier_init(&crew->handed, NULL, (unsigned int)crew->count);
	for (size_t i = 0; !err && i < crew->count; i++)
		err = worker_prepare(&crew->workers[i], crew, i);
	for (size_t i = 0; !err && i < crew->count; i++)
		err = thread_start(&thread, work, &crew->workers[i]);
	return err;
}

static int threads_tick(struct workload *workload)
{
	struct crew *crew = workload->state;
	int err = 0;

	pthread_barrier_wait(&crew->gate);
	pthread_barrier_wait(&crew->gate);
	for (size_t i = 0; !err && i < crew->count; i++)
		err = crew->workers[i].err;
	return err;
}

static void threads_count(const struct workload *workload, struct tally *ret)
{
	const struct crew *crew = workload->state;
	struct tally sum = { 0 };

	for (size_t i = 0; i < crew->count; i++)
		tally_add(&sum, &crew->workers[i].tally);
	*ret = sum;
}

const struct pattern pattern_threads = {
	.name = "threads",
	.summary = "--threads (4) with --blocks (256) of up to --size (16KiB) each, replaced each interval, "
		   "half of them freed by another thread",
	.uses = USES_SIZE | USES_BLOCKS | USES_THREADS,
	.size_bytes = 16 << 10,
	.blocks = 256,
	.threads = 4,
	.state_bytes = sizeof(struct crew),
	.start = threads_start,
	.tick = threads_tick,
	.count = threads_count,
};
