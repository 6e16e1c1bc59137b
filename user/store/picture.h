/* SPDX-License-Identifier: GPL-2.0-only */
/* A picture (user/store/store.h) as it is drawn, and as it is held. */
#ifndef MEMGAP_STORE_PICTURE_H
#define MEMGAP_STORE_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/store/store.h"

struct held_picture {
	struct picture picture;
	uint64_t *ids;
	struct snapshot *snapshots;
	size_t room;
	unsigned int holders; /* one of them the store, as long as it is the last one */
};

/* Nothing in it yet, but room for so many snapshots, if there is memory. NULL: out of memory. */
struct held_picture *picture_new(size_t room);
/* false: out of memory, it is not in it. */
bool picture_add(struct held_picture *held, uint64_t id, const struct snapshot *snapshot);
void picture_free(struct held_picture *held); /* NULL is allowed */

#endif
