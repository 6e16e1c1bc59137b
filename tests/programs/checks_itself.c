// SPDX-License-Identifier: GPL-2.0-only
/*
 * checks_itself [THREADS]: threads that allocate, change and free blocks all the time, and look whether each still holds what was put into it:
 * one that does not is told on stderr, and ends it with SIGABRT. "hold" on stdin: they pause, and it prints what they have done so far, exactly: a
 * JSON object; "go": they go on. At the end of stdin all blocks are looked at once more. SIGUSR1 has the heap trimmed.
 */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS 512
#define MAX_THREADS 16
#define REST_EVERY 64 /* calls: whoever watches needs a CPU, too */

struct block {
	unsigned char *bytes;
	size_t size;
	unsigned char pattern;
};

struct worker {
	_Alignas(64) unsigned long long mallocs, frees, bytes; /* usable, of all blocks handed out */
	long long live;
	unsigned int random;
	struct block blocks[BLOCKS];
};

static struct worker workers[MAX_THREADS];
static atomic_bool holding, ending;
static atomic_int paused;
static atomic_uint signals, trims;

static unsigned int draw(struct worker *worker)
{
	worker->random = worker->random * 1664525 + 1013904223;
	return worker->random >> 8;
}

static void look_at(const struct block *block)
{
	for (size_t i = 0; i < block->size; i++) {
		if (block->bytes[i] == block->pattern)
			continue;
		fprintf(stderr, "byte %zu of a block of %zu is %#x, not %#x\n", i, block->size, block->bytes[i], block->pattern);
		abort();
	}
}

static void got(struct worker *worker, struct block *block, void *bytes, size_t size)
{
	if (!bytes)
		abort();
	*block = (struct block){ bytes, size, (unsigned char)draw(worker) };
	memset(bytes, block->pattern, size);
	worker->mallocs++;
	worker->bytes += malloc_usable_size(bytes);
	worker->live += (long long)malloc_usable_size(bytes);
}

static void given(struct worker *worker, const struct block *block)
{
	look_at(block);
	worker->frees++;
	worker->live -= (long long)malloc_usable_size(block->bytes);
}

static void *fresh(struct worker *worker, size_t size)
{
	void *bytes = NULL;

	switch (draw(worker) % 4) {
	case 0:
		bytes = calloc(size, 1);
		for (size_t i = 0; bytes && i < size; i++)
			if (((unsigned char *)bytes)[i])
				abort();
		return bytes;
	case 1:
		return posix_memalign(&bytes, 64, size) ? NULL : bytes;
	default:
		return malloc(size);
	}
}

static void change(struct worker *worker)
{
	struct block *block = &worker->blocks[draw(worker) % BLOCKS];
	size_t size = 1 + (draw(worker) % 50 ? draw(worker) % 600 : draw(worker) % 20000);

	if (!block->bytes) {
		got(worker, block, fresh(worker, size), size);
	} else if (draw(worker) % 4 == 0) {
		given(worker, block);
		got(worker, block, realloc(block->bytes, size), size);
	} else {
		given(worker, block);
		free(block->bytes);
		block->bytes = NULL;
	}
}

static void pause_while_held(void)
{
	paused++;
	while (holding)
		usleep(200);
	paused--;
}

static void *work(void *data)
{
	struct worker *worker = data;

	for (unsigned long i = 0; !ending; i++) {
		change(worker);
		if (holding)
			pause_while_held();
		if (i % REST_EVERY == 0)
			usleep(100);
		if (trims != signals) {
			trims = signals;
			malloc_trim(0);
		}
	}
	for (size_t i = 0; i < BLOCKS; i++)
		if (worker->blocks[i].bytes)
			look_at(&worker->blocks[i]);
	return NULL;
}

static void on_signal(int number)
{
	(void)number;
	signals++;
}

static void hold_and_tell(int threads)
{
	struct worker sum = { 0 };

	holding = true;
	while (paused < threads)
		usleep(200);
	for (int i = 0; i < threads; i++) {
		sum.mallocs += workers[i].mallocs;
		sum.frees += workers[i].frees;
		sum.bytes += workers[i].bytes;
		sum.live += workers[i].live;
	}
	printf("{\"mallocs\": %llu, \"frees\": %llu, \"total_alloc\": %llu, \"live\": %lld, \"signals\": %u}\n", sum.mallocs, sum.frees,
	       sum.bytes, sum.live, signals);
}

int main(int argc, char *argv[])
{
	static char line[64], in[4096], out[4096]; /* this thread allocates nothing */
	int threads = argc > 1 ? atoi(argv[1]) : 1;
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t ids[MAX_THREADS];

	if (threads < 1 || threads > MAX_THREADS)
		return 2;
	setvbuf(stdin, in, _IOLBF, sizeof(in));
	setvbuf(stdout, out, _IOLBF, sizeof(out));
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < threads; i++) {
		workers[i].random = (unsigned int)i + 1;
		if (pthread_create(&ids[i], NULL, work, &workers[i]))
			return 1;
	}
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "hold\n"))
			hold_and_tell(threads);
		else
			holding = false;
	}
	holding = false;
	ending = true;
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	return 0;
}
