/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory that is looked at: another process's, or what a test made up. All of it may be hostile, and may change at
 * any moment.
 */
#ifndef MEMGAP_MEMORY_IMAGE_H
#define MEMGAP_MEMORY_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum page_state {
	PAGE_ABSENT,   /* no memory is charged for it: never written, given back, or the zero page (but for Linux before 6.7) */
	PAGE_RESIDENT,
	PAGE_SWAPPED,
};

struct image {
	void *data;
	uint64_t page_bytes;
	/* Bytes read from an address on, up to size: fewer where the memory ends, 0 where there is none; -ESRCH. */
	ssize_t (*read)(void *data, uint64_t address, void *buffer, size_t size);
	/* What each of n pages from a page's start is, an enum page_state a byte. 0 or -errno. */
	int (*pages)(void *data, uint64_t start, size_t n, uint8_t *states);
	/*
	 * Lets the process come out of the middle of something, which may take as long as a page fault or a munmap(); NULL:
	 * it does nothing meanwhile. tries: so many times it was not out of it.
	 */
	void (*pause)(unsigned int tries);
};

/* All of it: 0, -EFAULT when a part is not there, -ESRCH. */
int image_get(const struct image *image, uint64_t address, void *buffer, size_t size);

static inline void image_pause(const struct image *image, unsigned int tries)
{
	if (image->pause)
		image->pause(tries);
}

/* The start of the page that an address is in, the start of the next one unless it is the start of one. */
static inline uint64_t page_down(const struct image *image, uint64_t address)
{
	return address & ~(image->page_bytes - 1);
}

static inline uint64_t page_up(const struct image *image, uint64_t address)
{
	return page_down(image, address + image->page_bytes - 1);
}

#endif
