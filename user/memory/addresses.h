/* SPDX-License-Identifier: GPL-2.0-only */
/* A set of addresses that is filled, then gone through upwards. */
#ifndef MEMGAP_MEMORY_ADDRESSES_H
#define MEMGAP_MEMORY_ADDRESSES_H

#include <stddef.h>
#include <stdint.h>

struct addresses {
	uint64_t *list;
	size_t n, room;
};

int addresses_add(struct addresses *set, uint64_t address); /* -ENOMEM */
/* Ascending, each once. */
void addresses_sort(struct addresses *set);
void addresses_free(struct addresses *set);

#endif
