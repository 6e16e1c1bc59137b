// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into any glibc program: counts every block that it asks for and gives back, from inside, into the file
 * named by TRUTH_FILE (struct truth in tests/integration/truth.h), which a test compares with what was seen from
 * outside. It calls the same functions of libc that the probes sit on.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/integration/truth.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void *__libc_valloc(size_t size);
extern void *__libc_pvalloc(size_t size);
extern void __libc_free(void *block);

static struct truth before_open; /* what the loader asks for before we could open the file */
static struct truth *truth = &before_open;

static void *got(void *block)
{
	size_t usable;

	if (!block)
		return NULL;
	usable = malloc_usable_size(block);
	atomic_fetch_add(&truth->alloc, (int64_t)usable);
	atomic_fetch_add(&truth->total_alloc, (int64_t)usable);
	atomic_fetch_add(&truth->mallocs, 1);
	return block;
}

static void gave_back(size_t usable)
{
	atomic_fetch_sub(&truth->alloc, (int64_t)usable);
	atomic_fetch_add(&truth->frees, 1);
}

void *malloc(size_t size)
{
	return got(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
	return got(__libc_calloc(n, size));
}

void *realloc(void *block, size_t size)
{
	size_t old = block ? malloc_usable_size(block) : 0;
	void *result = __libc_realloc(block, size);

	if (block && (result || !size))
		gave_back(old);
	return got(result);
}

void *reallocarray(void *block, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(block, bytes);
}

void *memalign(size_t alignment, size_t size)
{
	return got(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return got(__libc_memalign(alignment, size));
}

int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
	void *block;

	if (alignment % sizeof(void *) || alignment & (alignment - 1) || !alignment)
		return EINVAL;
	block = got(__libc_memalign(alignment, size));
	if (!block)
		return ENOMEM;
	*ret_block = block;
	return 0;
}

void *valloc(size_t size)
{
	return got(__libc_valloc(size));
}

void *pvalloc(size_t size)
{
	return got(__libc_pvalloc(size));
}

void free(void *block)
{
	if (!block)
		return;
	gave_back(malloc_usable_size(block));
	__libc_free(block);
}

__attribute__((constructor)) static void open_truth(void)
{
	const char *path = getenv("TRUTH_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *shared = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*truth), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (shared == MAP_FAILED)
		_exit(99);
	close(fd);
	*(struct truth *)shared = before_open;
	truth = shared;
}
