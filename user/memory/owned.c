// SPDX-License-Identifier: GPL-2.0-only
#include "user/memory/owned.h"

#include <errno.h>
#include <stdlib.h>

int owned_add(struct owned *owned, const struct owned_range *range)
{
	if (owned->n == owned->room) {
		size_t room = owned->room ? 2 * owned->room : 64;
		struct owned_range *list = realloc(owned->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		owned->list = list;
		owned->room = room;
	}
	owned->list[owned->n++] = *range;
	return 0;
}

int owned_append(struct owned *owned, uint64_t start, uint64_t end, uint64_t resident)
{
	struct owned_range *last;

	if (!owned->n || owned->list[owned->n - 1].end != start)
		return owned_add(owned, &(struct owned_range){ .start = start, .end = end, .resident = resident });
	last = &owned->list[owned->n - 1];
	last->end = end;
	last->resident += resident;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct owned_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

void owned_sort(struct owned *owned)
{
	if (owned->n)
		qsort(owned->list, owned->n, sizeof(*owned->list), compare);
}

void owned_free(struct owned *owned)
{
	free(owned->list);
	*owned = (struct owned){ 0 };
}

const struct owned_range *owned_from(const struct owned *owned, uint64_t address)
{
	size_t low = 0, high = owned->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (owned->list[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < owned->n ? &owned->list[low] : NULL;
}

void owned_sum(const struct owned *owned, uint64_t start, uint64_t end, uint64_t *ret_bytes, uint64_t *ret_resident)
{
	const struct owned_range *range = owned_from(owned, start);

	*ret_bytes = *ret_resident = 0;
	for (; range && range < owned->list + owned->n && range->start < end; range++) {
		uint64_t from = range->start > start ? range->start : start, to = range->end < end ? range->end : end;
		uint64_t size = range->end - range->start;

		*ret_bytes += to - from;
		*ret_resident += (uint64_t)((double)range->resident * (double)(to - from) / (double)size);
	}
}
