// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocates in all ways, and knows what it holds: for each letter on stdin it does one thing, then says "alloc arena hblkhd":
 * what malloc_usable_size() says of all its blocks, and two figures of mallinfo2(). Linked with any glibc since 2.31, or musl:
 * it calls nothing that is newer, and what it uses of libc itself allocates nothing after the first line.
 *
 *	target THREADS [plain]
 *
 * plain: no block has more than its natural alignment.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS_MAX 16
#define BLOCKS 20000

#ifdef __GLIBC__
/* glibc 2.33; before it, int in place of size_t, and headers may not know it */
struct wide_mallinfo {
	size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
extern struct wide_mallinfo wide_mallinfo(void) __asm__("mallinfo2") __attribute__((weak));
#endif

/* of mimalloc, where it is there */
extern void mi_collect(bool force) __attribute__((weak));

/* A thread's: the first one is the main thread's. */
static struct worker {
	pthread_t thread;
	char action; /* for it; 0: done */
	uint32_t random;
	int64_t held;
	void *blocks[BLOCKS];
} workers[THREADS_MAX];

static int n_workers;
static bool is_plain;
static pthread_barrier_t begin, middle, end;

static uint32_t random_below(struct worker *worker, uint32_t below)
{
	worker->random = worker->random * 1664525 + 1013904223;
	return (worker->random >> 8) % below;
}

/* Mostly small ones, some of many pages, a few in a mapping of their own. */
static size_t some_size(struct worker *worker)
{
	switch (random_below(worker, 1000)) {
	case 0:
		return 140000 + random_below(worker, 400000);
	case 1 ... 20:
		return random_below(worker, 60000);
	default:
		return random_below(worker, 1100);
	}
}

static void *some_block(struct worker *worker)
{
	size_t size = some_size(worker);

	switch (random_below(worker, 40)) {
	case 0:
		if (is_plain)
			return malloc(size);
		return memalign(1ULL << (5 + random_below(worker, 11)), size);
	case 1:
		return calloc(1, size);
	case 2:
		return realloc(malloc(size), 1 + some_size(worker));
	default:
		return malloc(size);
	}
}

static void take(struct worker *worker, int i)
{
	void *block = some_block(worker);

	if (!block)
		abort();
	worker->blocks[i] = block;
	worker->held += (int64_t)malloc_usable_size(block);
	if (random_below(worker, 4)) /* else what is large is not touched */
		memset(block, 1, malloc_usable_size(block));
}

static void give_back(struct worker *worker, int i)
{
	if (worker->blocks[i])
		worker->held -= (int64_t)malloc_usable_size(worker->blocks[i]);
	free(worker->blocks[i]);
	worker->blocks[i] = NULL;
}

static void churn(struct worker *worker)
{
	for (;;) {
		int i = (int)random_below(worker, BLOCKS);

		if (worker->blocks[i])
			give_back(worker, i);
		else
			take(worker, i);
	}
}

/* A few blocks with alignments of up to 64 MiB. */
static void take_aligned(struct worker *worker)
{
	int left = 20;

	for (int i = 0; i < BLOCKS && left; i++) {
		if (worker->blocks[i])
			continue;
		worker->blocks[i] = memalign(1ULL << (12 + random_below(worker, 15)), 1 + random_below(worker, 3000000));
		if (!worker->blocks[i])
			abort();
		memset(worker->blocks[i], 1, 1);
		worker->held += (int64_t)malloc_usable_size(worker->blocks[i]);
		left--;
	}
}

/* Larger and smaller, in place or moved. */
static void resize(struct worker *worker, int i)
{
	void *block = worker->blocks[i];

	if (!block)
		return;
	worker->held -= (int64_t)malloc_usable_size(block);
	block = realloc(block, 1 + (random_below(worker, 2) ? some_size(worker) : malloc_usable_size(block) * 2));
	if (!block)
		abort();
	worker->held += (int64_t)malloc_usable_size(block);
	worker->blocks[i] = block;
}

/* Some 120 MiB up, and down again the same way: heaps are made, and given back. */
static void go_up_and_down(struct worker *worker)
{
	for (;;) {
		for (int i = 0; i < BLOCKS; i++) {
			worker->blocks[i] = malloc(1 + random_below(worker, 12000));
			memset(worker->blocks[i], 1, 1);
		}
		for (int i = BLOCKS - 1; i >= 0; i--)
			free(worker->blocks[i]);
	}
}

/* Each fills its own table, then all free what is in their neighbour's. */
static void pass_on(struct worker *worker)
{
	struct worker *next = &workers[(worker - workers + 1) % n_workers];

	for (;;) {
		for (int i = 0; i < BLOCKS; i++)
			if (!worker->blocks[i])
				take(worker, i);
		pthread_barrier_wait(&middle);
		for (int i = 0; i < BLOCKS; i++)
			give_back(next, i);
		pthread_barrier_wait(&middle);
	}
}

static void act(struct worker *worker, char action)
{
	switch (action) {
	case 'w': /* a thread's cache is told from any block by what is in it */
		free(malloc(24));
		break;
	case 'a': /* all */
		for (int i = 0; i < BLOCKS; i++)
			if (!worker->blocks[i])
				take(worker, i);
		break;
	case 'f': /* most of them at random */
		for (int i = 0; i < BLOCKS; i++)
			if (random_below(worker, 100) < 60)
				give_back(worker, i);
		break;
	case 'F':
		for (int i = 0; i < BLOCKS; i++)
			give_back(worker, i);
		break;
	case 'c': /* most of another thread's */
		worker = &workers[(worker - workers + 1) % n_workers];
		for (int i = 0; i < BLOCKS; i++)
			if (random_below(worker, 100) < 60)
				give_back(worker, i);
		break;
	case 'x':
		take_aligned(worker);
		break;
	case 'r':
		for (int i = 0; i < BLOCKS; i++)
			if (random_below(worker, 100) < 30)
				resize(worker, i);
		break;
	case 'b':
		churn(worker);
		break;
	case 'C':
		pass_on(worker);
		break;
	case 'g':
		go_up_and_down(worker);
		break;
	default:
		break;
	}
}

static void *work(void *data)
{
	struct worker *worker = data;

	for (;;) {
		pthread_barrier_wait(&begin);
		act(worker, worker->action);
		pthread_barrier_wait(&end);
	}
	return NULL;
}

/* Others' memory in the middle of the main arena's. */
static void take_brk(void)
{
	memset(sbrk(12345), 0x21, 12345);
}

/* What comes after the main arena's memory is taken: it goes on elsewhere. */
static void block_brk(void)
{
	char *above = (char *)(((uintptr_t)sbrk(0) + 4095) & ~4095UL);

	if (mmap(above + (1 << 20), 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		abort();
}

static void act_all(char action)
{
	for (int i = 0; i < n_workers; i++)
		workers[i].action = action;
	if (action == 'b' || action == 'g' || action == 'C')
		printf("busy %p %zu %d\n", (void *)&workers[0].held, sizeof(workers[0]), n_workers);
	pthread_barrier_wait(&begin);
	act(&workers[0], action);
	pthread_barrier_wait(&end);
}

static int64_t sum_held(void)
{
	int64_t held = 0;

	for (int i = 0; i < n_workers; i++)
		held += workers[i].held;
	return held;
}

#ifdef __GLIBC__
static void answer(void)
{
	if (wide_mallinfo) {
		struct wide_mallinfo info = wide_mallinfo();

		printf("%lld %zu %zu\n", (long long)sum_held(), info.arena, info.hblkhd);
	} else {
		struct mallinfo info = mallinfo();

		printf("%lld %u %u\n", (long long)sum_held(), (unsigned int)info.arena, (unsigned int)info.hblkhd);
	}
}
#else /* musl has neither */
#define malloc_trim(pad) ((void)(pad))

static void answer(void)
{
	printf("%lld 0 0\n", (long long)sum_held());
}
#endif

int main(int argc, char **argv)
{
	static char out[1024];
	char action;

	/* by hand: newer headers have newer functions behind atoi() */
	for (const char *digit = argc > 1 ? argv[1] : "1"; *digit >= '0' && *digit <= '9'; digit++)
		n_workers = 10 * n_workers + *digit - '0';
	is_plain = argc > 2;
	if (n_workers < 1 || n_workers > THREADS_MAX)
		return 2;
	setvbuf(stdout, out, _IOLBF, sizeof(out));
	pthread_barrier_init(&begin, NULL, (unsigned int)n_workers);
	pthread_barrier_init(&middle, NULL, (unsigned int)n_workers);
	pthread_barrier_init(&end, NULL, (unsigned int)n_workers);
	for (int i = 0; i < n_workers; i++) {
		workers[i].random = (uint32_t)i + 1;
		if (i && pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return 1;
	}
	while (read(0, &action, 1) == 1) {
		if (action == 't' && mi_collect)
			mi_collect(true);
		else if (action == 't')
			malloc_trim(0);
		else if (action == 's')
			take_brk();
		else if (action == 'm')
			block_brk();
		else if (action != '\n')
			act_all(action);
		if (action != '\n')
			answer();
	}
	return 0;
}
