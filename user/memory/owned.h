/* SPDX-License-Identifier: GPL-2.0-only */
/* Which address ranges are a heap's. */
#ifndef MEMGAP_MEMORY_OWNED_H
#define MEMGAP_MEMORY_OWNED_H

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
/* Ranges that come by address: one that begins where the one before ends is made one with it. */
int owned_append(struct owned *owned, uint64_t start, uint64_t end, uint64_t resident);
/* By address; from then on it can be searched. */
void owned_sort(struct owned *owned);
void owned_free(struct owned *owned);

/* Of [start, end): bytes that are in ranges, and how many of them are resident: of a range that is cut, a proportional part. */
void owned_sum(const struct owned *owned, uint64_t start, uint64_t end, uint64_t *ret_bytes, uint64_t *ret_resident);

/* The first range that ends above the address; NULL. */
const struct owned_range *owned_from(const struct owned *owned, uint64_t address);

#endif
