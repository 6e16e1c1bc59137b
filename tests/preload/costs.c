// SPDX-License-Identifier: GPL-2.0-only
/*
 * costs: what a process of one thread of its own pays, as JSON: ns for a pair of malloc and free, of blocks that a thread's cache takes and of
 * larger ones, and for a fork() whose child ends at once. Of each the least of several rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 9
#define PAIRS 500000
#define FORKS 200

static void pair(int n)
{
	while (n-- > 0)
		free(malloc(64));
}

static void pair_large(int n)
{
	while (n-- > 0)
		free(malloc(4000));
}

static void fork_end(int n)
{
	while (n-- > 0) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

static double measure(void (*run)(int), int n)
{
	double least = 1e18;

	for (int i = 0; i < ROUNDS; i++) {
		struct timespec start, end;
		double took;

		clock_gettime(CLOCK_MONOTONIC, &start);
		run(n);
		clock_gettime(CLOCK_MONOTONIC, &end);
		took = ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / n;
		if (took < least)
			least = took;
	}
	return least;
}

int main(void)
{
	double small = measure(pair, PAIRS), large = measure(pair_large, PAIRS);

	printf("{\"pair_64\": %.1f, \"pair_4000\": %.1f, \"fork\": %.0f}\n", small, large, measure(fork_end, FORKS));
	return 0;
}
