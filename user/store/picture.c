// SPDX-License-Identifier: GPL-2.0-only
#include "user/store/picture.h"

#include <stdlib.h>

static bool make_room(struct held_picture *held, size_t room)
{
	uint64_t *ids = realloc(held->ids, room * sizeof(*ids));
	struct snapshot *snapshots;

	held->ids = ids ? ids : held->ids;
	snapshots = ids ? realloc(held->snapshots, room * sizeof(*snapshots)) : NULL;
	if (!snapshots)
		return false;
	held->snapshots = snapshots;
	held->room = room;
	return true;
}

struct held_picture *picture_new(size_t room)
{
	struct held_picture *held = calloc(1, sizeof(*held));

	if (held && room)
		make_room(held, room);
	return held;
}

bool picture_add(struct held_picture *held, uint64_t id, const struct snapshot *snapshot)
{
	struct picture *picture = &held->picture;

	if (picture->n == held->room && !make_room(held, held->room ? held->room * 2 : 16))
		return false;
	held->ids[picture->n] = id;
	held->snapshots[picture->n++] = *snapshot;
	return true;
}

void picture_free(struct held_picture *held)
{
	if (!held)
		return;
	free(held->ids);
	free(held->snapshots);
	free(held);
}
