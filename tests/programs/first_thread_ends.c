// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first thread ends, so that the process looks like a zombie; another then holds a block more for each byte of input,
 * and prints as JSON what it holds.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK (1 << 20)

static pthread_t first;

static void *hold(void *data)
{
	size_t held = 0;
	char byte;

	(void)data;
	pthread_join(first, NULL);
	while (read(STDIN_FILENO, &byte, 1) == 1) {
		void *volatile block = malloc(BLOCK);

		held += malloc_usable_size(block);
		dprintf(STDOUT_FILENO, "{\"held\":%zu}\n", held);
	}
	exit(0);
}

int main(void)
{
	pthread_t thread;

	first = pthread_self();
	if (pthread_create(&thread, NULL, hold, NULL))
		return 2;
	pthread_exit(NULL);
}
