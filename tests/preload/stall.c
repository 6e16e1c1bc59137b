// SPDX-License-Identifier: GPL-2.0-only
/*
 * stall MIB WINDOWS THREADS ARENAS: how long the longest pair of free() and malloc() of up to four threads takes, in windows of half a second,
 * without and with a trim in each. The heap has so many MiB of blocks of 64 to 16,000 bytes, each second of which is free; before each window
 * the free ones are written to anew, so that each trim has all of them to give back. Prints JSON: an array for without, one for with, in ns.
 */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "preload/memgap-trim.h"

#pragma weak memgap_trim_register

#define MAX_THREADS 4
#define LIVE 256
#define WINDOW_NS 500000000
#define MAX_BLOCKS 1000000

static atomic_ulong longest_ns[MAX_THREADS];
static atomic_uint trims;
static size_t thread_count;
static atomic_bool ended;

static unsigned long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long)t.tv_sec * 1000000000 + (unsigned long)t.tv_nsec;
}

static void count_trim(void *data)
{
	(void)data;
	trims++;
}

static size_t next_size(unsigned int *random)
{
	*random = *random * 1664525 + 1013904223;
	return 64 + (*random >> 8) % 15936;
}

static void *blocks[MAX_BLOCKS];

static size_t allocate(size_t bytes, unsigned int random)
{
	size_t count = 0;

	for (size_t held = 0; held < bytes && count < MAX_BLOCKS; count++) {
		size_t size = next_size(&random);

		blocks[count] = malloc(size);
		memset(blocks[count], 1, size);
		held += size;
	}
	return count;
}

/* Every second one is freed: that leaves room for as many as refill() allocates and frees. */
static void fragment(size_t bytes)
{
	size_t count = allocate(bytes, 1);

	for (size_t i = 0; i < count; i += 2)
		free(blocks[i]);
}

static void refill(size_t bytes)
{
	size_t count = allocate(bytes, 2);

	while (count)
		free(blocks[--count]);
}

static void *work(void *data)
{
	size_t mine = (size_t)data;
	unsigned int random = (unsigned int)mine + 1;
	void *own[LIVE] = { 0 };

	for (unsigned long i = 0; !ended; i++) {
		void **block = &own[i % LIVE];
		size_t size = next_size(&random);
		unsigned long start, took;

		start = now_ns();
		free(*block);
		*block = malloc(size);
		took = now_ns() - start;
		if (took > longest_ns[mine])
			longest_ns[mine] = took;
		memset(*block, 1, size);
	}
	return NULL;
}

static unsigned long window(bool trim)
{
	unsigned long end = now_ns() + WINDOW_NS, longest = 0;
	struct timespec pause = { 0, WINDOW_NS / 50 };

	for (size_t i = 0; i < thread_count; i++)
		longest_ns[i] = 0;
	if (trim)
		kill(getpid(), SIGUSR1);
	while (now_ns() < end)
		nanosleep(&pause, NULL);
	for (size_t i = 0; i < thread_count; i++)
		if (longest_ns[i] > longest)
			longest = longest_ns[i];
	return longest;
}

static void measure(const char *name, size_t bytes, int windows, bool trim)
{
	trims = 0;
	printf("{\"%s\": [", name);
	for (int i = 0; i < windows; i++) {
		refill(bytes);
		printf("%s%lu", i ? ", " : "", window(trim));
	}
	printf("], \"trims\": %u}\n", trims);
	fflush(stdout);
}

int main(int argc, char *argv[])
{
	pthread_t threads[MAX_THREADS] = { 0 };
	size_t bytes;
	int windows;

	if (argc != 5 || (thread_count = (size_t)atoi(argv[3])) > MAX_THREADS)
		return 2;
	bytes = (size_t)atoi(argv[1]) << 20;
	windows = atoi(argv[2]);
	mallopt(M_ARENA_MAX, atoi(argv[4]));
	mallopt(M_TRIM_THRESHOLD, 1 << 30); /* else free() itself trims */
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	if (memgap_trim_register)
		memgap_trim_register(count_trim, NULL);
	fragment(bytes);
	for (size_t i = 0; i < thread_count; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)i))
			return 1;
	measure("without", bytes * 2 / 5, windows, false);
	measure("with", bytes * 2 / 5, windows, true);
	ended = true;
	for (size_t i = 0; i < thread_count; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
