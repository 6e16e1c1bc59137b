// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads the allocator that it is given the path of as a plug-in would, for itself alone, at the first line on stdin; at each
 * further line it allocates with it and frees. Answers each line with what it then holds of it, from malloc_usable_size():
 *
 *	alloc total_alloc mallocs frees
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCKS 300

static void *(*its_malloc)(size_t size), *(*its_mallocx)(size_t size, int flags);
static void (*its_free)(void *block);
static size_t (*its_usable_size)(void *block);
static long alloc, total, mallocs, frees;

static void load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		_exit(2);
	*(void **)&its_malloc = dlsym(library, "malloc");
	*(void **)&its_mallocx = dlsym(library, "mallocx");
	*(void **)&its_free = dlsym(library, "free");
	*(void **)&its_usable_size = dlsym(library, "malloc_usable_size");
	if (!its_malloc || !its_mallocx || !its_free || !its_usable_size)
		_exit(3);
}

static void *got(void *block)
{
	if (!block)
		abort();
	alloc += (long)its_usable_size(block);
	total += (long)its_usable_size(block);
	mallocs++;
	return block;
}

static void allocate(void)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		void *block = got(its_malloc(i * 37)), *other = got(its_mallocx(i * 1001 + 1, 0));

		alloc -= (long)its_usable_size(i % 3 ? block : other);
		frees++;
		its_free(i % 3 ? block : other);
	}
}

int main(int argc, char *argv[])
{
	char line[128], c;

	if (argc != 2 || write(STDOUT_FILENO, "ready\n", 6) != 6)
		return 1;
	for (int round = 0; read(STDIN_FILENO, &c, 1) == 1;) {
		if (c != '\n')
			continue;
		if (round++)
			allocate();
		else
			load(argv[1]);
		if (write(STDOUT_FILENO, line, (size_t)snprintf(line, sizeof(line), "%ld %ld %ld %ld\n", alloc, total, mallocs, frees)) < 0)
			return 1;
	}
	return 0;
}
