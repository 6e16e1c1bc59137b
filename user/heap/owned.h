/* SPDX-License-Identifier: GPL-2.0-only */
/* Which address ranges are the heap's. */
#ifndef MEMGAP_HEAP_OWNED_H
#define MEMGAP_HEAP_OWNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct owned_range {
	uint64_t start, end;
	uint64_t resident; /* bytes */
	bool is_mmapped;   /* a chunk in a mapping of its own */
};

struct owned {
	struct owned_range *list;
	size_t n, room;
};

int owned_add(struct owned *owned, const struct owned_range *range); /* -ENOMEM */
/* By address; from then on it can be searched. */
void owned_sort(struct owned *owned);
void owned_free(struct owned *owned);

/* The first range that ends above the address; NULL. */
const struct owned_range *owned_from(const struct owned *owned, uint64_t address);

#endif
