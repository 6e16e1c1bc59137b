// SPDX-License-Identifier: GPL-2.0-only
#include "user/memory/addresses.h"

#include <errno.h>
#include <stdlib.h>

int addresses_add(struct addresses *set, uint64_t address)
{
	if (set->n == set->room) {
		size_t room = set->room ? 2 * set->room : 512;
		uint64_t *list = realloc(set->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		set->list = list;
		set->room = room;
	}
	set->list[set->n++] = address;
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void addresses_sort(struct addresses *set)
{
	size_t n = 0;

	if (!set->n)
		return;
	qsort(set->list, set->n, sizeof(*set->list), compare);
	for (size_t i = 1; i < set->n; i++)
		if (set->list[i] != set->list[n])
			set->list[++n] = set->list[i];
	set->n = n + 1;
}

void addresses_free(struct addresses *set)
{
	free(set->list);
	*set = (struct addresses){ 0 };
}
