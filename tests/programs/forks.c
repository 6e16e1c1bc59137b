// SPDX-License-Identifier: GPL-2.0-only
/*
 * forks N: at a line on stdin it forks N processes, 16 at a time, which each allocate 10 blocks, free 5, and end. forks bomb: each process forks others
 * for as long as it can, allocates and frees; most of them soon end, and all do at a second line on stdin. Both print what all of them have done, a JSON
 * object: the counts lie in memory that they share.
 */
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOGETHER 16
#define BLOCKS 10
#define FREED 5
#define ROUNDS_OF_A_CHILD 20

struct shared {
	atomic_ullong mallocs, frees, bytes, processes, refused;
	atomic_bool ending;
};

static struct shared *shared;

static void allocate_and_free(size_t n_freed)
{
	char *blocks[BLOCKS];

	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(100 * (i + 1));
		if (!blocks[i])
			abort();
		memset(blocks[i], (int)i, 100 * (i + 1));
		shared->mallocs++;
		shared->bytes += malloc_usable_size(blocks[i]);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		if (blocks[i][0] != (char)i || blocks[i][100 * (i + 1) - 1] != (char)i)
			abort();
	for (size_t i = 0; i < n_freed; i++) {
		free(blocks[i]);
		shared->frees++;
	}
}

static void await_child(void)
{
	int status;

	if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "a child has ended with status %#x\n", status);
		exit(1);
	}
}

static void fork_many(long n)
{
	for (long i = 0; i < n; i++) {
		pid_t pid;

		if (i >= TOGETHER)
			await_child();
		pid = fork();
		if (pid < 0)
			exit(1);
		if (!pid) {
			allocate_and_free(FREED);
			_exit(0);
		}
		shared->processes++;
	}
	for (long i = 0; i < n && i < TOGETHER; i++)
		await_child();
}

static void explode(bool first)
{
	for (int i = 0; !shared->ending && (first || i < ROUNDS_OF_A_CHILD); i++) {
		pid_t pid = fork();

		if (!pid) {
			first = false;
			i = 0;
			shared->processes++;
		} else if (pid < 0) {
			shared->refused++;
		}
		allocate_and_free(BLOCKS);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (pid < 0)
			usleep(1000);
	}
	while (wait(NULL) > 0 || errno == EINTR)
		;
	if (!first)
		_exit(0);
}

/* The bomb's processes have no time to read: one child waits for the line. */
static void explode_until_told(void)
{
	pid_t pid = fork();
	char line[64];

	if (!pid) {
		explode(true);
		_exit(0);
	}
	if (pid > 0 && fgets(line, sizeof(line), stdin))
		shared->ending = true;
	await_child();
}

int main(int argc, char *argv[])
{
	static char line[64], in[4096], out[4096]; /* this process allocates nothing */

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (argc != 2 || shared == MAP_FAILED)
		return 2;
	setvbuf(stdin, in, _IOLBF, sizeof(in));
	setvbuf(stdout, out, _IOLBF, sizeof(out));
	puts("ready");
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	if (strcmp(argv[1], "bomb"))
		fork_many(atol(argv[1]));
	else
		explode_until_told();
	printf("{\"mallocs\": %llu, \"frees\": %llu, \"total_alloc\": %llu, \"processes\": %llu, \"refused\": %llu}\n", shared->mallocs,
	       shared->frees, shared->bytes, shared->processes, shared->refused);
	return !fgets(line, sizeof(line), stdin); /* it stays until it is told to end */
}
