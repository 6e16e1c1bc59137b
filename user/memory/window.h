/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A part of the memory, some 64 KiB at a time, that moves up with whoever walks through it; and which pages are resident,
 * some 64 MiB at a time. What is absent is never read: reading would make pages of it. Few pages are read back from swap.
 */
#ifndef MEMGAP_MEMORY_WINDOW_H
#define MEMGAP_MEMORY_WINDOW_H

#include <stdint.h>

#include "user/memory/pace.h"
#include "user/memory/image.h"

#define WINDOW_BYTES 65536
#define WINDOW_PAGES 16384
/* Pages of a walk that reading may bring back from swap: that is memory charged to the target. */
#define SWAPPED_READS 64

struct window {
	const struct image *image;
	struct pace pace;
	uint64_t start;
	size_t n; /* bytes that are there */
	size_t stride; /* bytes that are read at once: few after a jump, more from one window to the next */
	uint64_t states_start;
	size_t n_states;
	unsigned int swapped_reads;
	uint64_t loads; /* since it was made */
	uint8_t bytes[WINDOW_BYTES];
	uint8_t states[WINDOW_PAGES];
};

void window_init(struct window *window, const struct image *image, const struct heap_budget *budget);
/* What was read is of no use any more; residency is read anew too. */
void window_forget(struct window *window);

/* Moves it to where the size bytes from an address on are in it. */
int window_move(struct window *window, uint64_t address, size_t size);

/*
 * size bytes, at most a page, from an address on, until the next call. -ENODATA: they are not all there, which contradicts
 * whoever thinks so; -ENOBUFS: too much is swapped out; -ETIME; -ESRCH.
 */
static inline int window_get(struct window *window, uint64_t address, size_t size, const uint8_t **ret)
{
	uint64_t offset = address - window->start;

	if (address < window->start || offset >= window->n || size > window->n - offset) {
		int result = window_move(window, address, size);

		if (result)
			return result;
		offset = address - window->start;
	}
	*ret = window->bytes + offset;
	return 0;
}

/* Bytes of [start, end) on pages that are resident, swapped out: a byte counts, not its page. 0 or -errno. */
struct residency {
	uint64_t resident, swapped;
};

int window_count(struct window *window, uint64_t start, uint64_t end, struct residency *ret);

#endif
