// SPDX-License-Identifier: GPL-2.0-only
#include "user/memory/window.h"

#include <errno.h>

void window_init(struct window *window, const struct image *image, const struct heap_budget *budget)
{
	window->image = image;
	pace_begin(&window->pace, budget);
	window->swapped_reads = 0;
	window->loads = 0;
	window_forget(window);
}

void window_forget(struct window *window)
{
	window->start = window->states_start = 0;
	window->n = window->n_states = 0;
	window->stride = 0;
}

/* States of the page and those after it; the number of pages, or -errno. Who jumps to and fro finds those before it too. */
static ssize_t get_states(struct window *window, uint64_t page, const uint8_t **ret)
{
	const struct image *image = window->image;

	if (page < window->states_start || page - window->states_start >= window->n_states * image->page_bytes) {
		uint64_t start = page & ~(WINDOW_PAGES * image->page_bytes - 1);
		int result = pace_check(&window->pace);

		if (result >= 0)
			result = image->pages(image->data, start, WINDOW_PAGES, window->states);
		window->n_states = result < 0 ? 0 : WINDOW_PAGES;
		window->states_start = start;
		if (result < 0)
			return result;
	}
	*ret = window->states + (page - window->states_start) / image->page_bytes;
	return (ssize_t)(window->n_states - (page - window->states_start) / image->page_bytes);
}

/* Who goes on where the window ends is among small chunks, and will want all of what follows; who jumps is not. */
static void set_stride(struct window *window, uint64_t page, uint64_t end)
{
	bool goes_on = window->n && page <= window->start + window->n && page > window->start;
	uint64_t least = page_up(window->image, end) - page;

	window->stride = goes_on ? 2 * window->stride : 0;
	if (window->stride < least)
		window->stride = least;
	if (window->stride > WINDOW_BYTES)
		window->stride = WINDOW_BYTES;
}

/* How much may be read from a page on: as long as all is resident. */
static ssize_t readable(struct window *window, uint64_t page)
{
	const uint8_t *states;
	ssize_t left = get_states(window, page, &states), pages = 0;

	if (left < 0)
		return left;
	if (states[0] == PAGE_ABSENT)
		return -ENODATA;
	if (states[0] == PAGE_SWAPPED)
		return window->swapped_reads++ < SWAPPED_READS ? (ssize_t)window->image->page_bytes : -ENOBUFS;
	while (pages < left && (uint64_t)pages < window->stride / window->image->page_bytes && states[pages] == PAGE_RESIDENT)
		pages++;
	return pages * (ssize_t)window->image->page_bytes;
}

int window_move(struct window *window, uint64_t address, size_t size)
{
	uint64_t page = page_down(window->image, address);
	ssize_t n = pace_check(&window->pace);

	if (n < 0)
		return (int)n;
	if (n)
		window_forget(window);
	set_stride(window, page, address + size);
	n = readable(window, page);
	window->n = 0;
	if (n < 0)
		return (int)n;
	n = window->image->read(window->image->data, page, window->bytes, (size_t)n);
	if (n < 0)
		return (int)n;
	window->start = page;
	window->n = (size_t)n;
	window->loads++;
	/* the page after a run of resident ones is not: the end of what was asked for may be on it */
	return address - page < window->n && size <= window->n - (address - page) ? 0 : -ENODATA;
}

int window_count(struct window *window, uint64_t start, uint64_t end, struct residency *ret)
{
	uint64_t page_bytes = window->image->page_bytes;
	struct residency sum = { 0 };

	for (uint64_t at = start; at < end;) {
		const uint8_t *states;
		ssize_t left = get_states(window, page_down(window->image, at), &states);

		if (left < 0)
			return (int)left;
		for (; left && at < end; left--, states++) {
			uint64_t next = page_down(window->image, at) + page_bytes;
			uint64_t part = (next < end ? next : end) - at;

			if (*states == PAGE_RESIDENT)
				sum.resident += part;
			else if (*states == PAGE_SWAPPED)
				sum.swapped += part;
			at += part;
		}
	}
	*ret = sum;
	return 0;
}
