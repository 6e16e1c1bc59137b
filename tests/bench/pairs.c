// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the benchmark measures on: threads that each free and allocate a block, over and over, among blocks that stay.
 * For each line of stdin, "THREADS PAIRS", it prints the nanoseconds that a pair took: the time from the first thread's
 * start to the last one's end, by the pairs of one thread.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LIVE 1000 /* blocks of a thread that stay */
#define MAX_THREADS 64

struct run {
	pthread_barrier_t *start;
	long pairs;
	double began_ns, ended_ns;
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t size_of(long i)
{
	return (size_t)(32 + i % 64);
}

static void *run(void *data)
{
	struct run *r = data;
	void *blocks[LIVE];

	for (long i = 0; i < LIVE; i++)
		blocks[i] = malloc(size_of(i));
	pthread_barrier_wait(r->start);
	r->began_ns = now_ns();
	for (long i = 0; i < r->pairs; i++) {
		free(blocks[i % LIVE]);
		blocks[i % LIVE] = malloc(size_of(i));
	}
	r->ended_ns = now_ns();
	for (long i = 0; i < LIVE; i++)
		free(blocks[i]);
	return NULL;
}

static double measure(int threads, long pairs)
{
	pthread_t ids[MAX_THREADS];
	struct run runs[MAX_THREADS] = { 0 };
	pthread_barrier_t start;
	double began, ended;

	pthread_barrier_init(&start, NULL, (unsigned int)threads);
	for (int i = 0; i < threads; i++) {
		runs[i] = (struct run){ .start = &start, .pairs = pairs };
		if (pthread_create(&ids[i], NULL, run, &runs[i]))
			exit(1);
	}
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	pthread_barrier_destroy(&start);
	began = runs[0].began_ns;
	ended = runs[0].ended_ns;
	for (int i = 1; i < threads; i++) {
		began = runs[i].began_ns < began ? runs[i].began_ns : began;
		ended = runs[i].ended_ns > ended ? runs[i].ended_ns : ended;
	}
	return (ended - began) / (double)pairs;
}

int main(void)
{
	int threads;
	long pairs;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%d %ld", &threads, &pairs) == 2 && threads > 0 && threads <= MAX_THREADS && pairs > 0)
		printf("%.2f\n", measure(threads, pairs));
	return 0;
}
