// SPDX-License-Identifier: GPL-2.0-only
#include "user/musl/metas.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/fs.h"

/* Groups; most have 4 KiB or more. */
#define GROUPS_MAX (1U << 22)
/* One that is just being filled in, by a thread that may have to wait for its turn: 70 ms. */
#define TRIES 40

int meta_read(const struct image *image, uint64_t address, struct meta *ret)
{
	uint8_t bytes[META_BYTES];
	int result = image_get(image, address, bytes, sizeof(bytes));

	if (result)
		return result == -EFAULT ? -EAGAIN : result;
	switch (meta_parse(bytes, address, ret)) {
	case META_NONE:
		return -ENOENT;
	case META_GROUP:
		return 0;
	default:
		return -EAGAIN;
	}
}

static int add(struct metas *metas, const struct meta *meta)
{
	if (metas->n == GROUPS_MAX)
		return -ETIME;
	if (metas->n == metas->room) {
		size_t room = metas->room ? 2 * metas->room : 1024;
		struct meta *list = realloc(metas->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		metas->list = list;
		metas->room = room;
	}
	metas->list[metas->n++] = *meta;
	return 0;
}

static int add_unsettled(const struct window *window, uint64_t address, struct metas *metas)
{
	struct meta meta;
	int result = -EAGAIN;

	for (unsigned int i = 0; i < TRIES && result == -EAGAIN; i++) {
		if (monotonic_ns() > window->pace.deadline)
			return -ETIME;
		image_pause(window->image, i);
		result = meta_read(window->image, address, &meta);
	}
	if (!result)
		return add(metas, &meta);
	return result == -ENOENT ? 0 : result;
}

static int add_slots(const struct window *window, uint64_t address, const uint8_t *bytes, struct metas *metas)
{
	int result = 0;

	for (unsigned int i = 0; i < AREA_SLOTS && !result; i++) {
		uint64_t offset = AREA_HEADER + META_BYTES * i;
		struct meta meta;

		switch (meta_parse(bytes + offset, address + offset, &meta)) {
		case META_NONE:
			break;
		case META_GROUP:
			result = add(metas, &meta);
			break;
		default:
			result = add_unsettled(window, address + offset, metas);
			break;
		}
	}
	return result;
}

static int read_area(struct window *window, uint64_t secret, uint64_t address, struct owned *owned, struct metas *metas,
		     uint64_t *ret_next)
{
	struct residency residency;
	const uint8_t *bytes;
	int result = window_get(window, address, AREA_BYTES, &bytes);

	if (result)
		return result == -ENODATA ? -EAGAIN : result;
	if (!area_parse(bytes, secret, ret_next))
		return -EAGAIN;
	result = add_slots(window, address, bytes, metas);
	if (!result)
		result = window_count(window, address, address + AREA_BYTES, &residency);
	if (result)
		return result;
	metas->bytes += AREA_BYTES;
	metas->sum.resident += residency.resident;
	metas->sum.swapped += residency.swapped;
	return owned_append(owned, address, address + AREA_BYTES, residency.resident);
}

static int compare(const void *a, const void *b)
{
	const struct meta *x = a, *y = b;

	return (x->group > y->group) - (x->group < y->group);
}

/* The pages are a list that only grows: one that comes by a page that was seen (Brent), or with more than so many groups may need, is none. */
int metas_read(struct window *window, const struct context *context, struct owned *owned, struct metas *metas)
{
	uint64_t address = context->first_area, seen = 0;
	unsigned int next_seen = 1;

	for (unsigned int i = 0; address; i++) {
		uint64_t next;
		int result;

		if (i > GROUPS_MAX / AREA_SLOTS || monotonic_ns() > window->pace.deadline)
			return -ETIME;
		result = read_area(window, context->secret, address, owned, metas, &next);
		if (result)
			return result;
		address = next;
		if (address == seen && address)
			return -EAGAIN;
		if (i + 1 == next_seen) {
			seen = address;
			next_seen *= 2;
		}
	}
	if (metas->n)
		qsort(metas->list, metas->n, sizeof(*metas->list), compare);
	return 0;
}

void metas_free(struct metas *metas)
{
	free(metas->list);
	*metas = (struct metas){ 0 };
}
