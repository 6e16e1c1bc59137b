// SPDX-License-Identifier: GPL-2.0-only
#include "user/glibc/fastbins.h"

#include <errno.h>

#include "user/base/fs.h"
#include "user/glibc/chunk.h"
#include "user/memory/word.h"

/* Chunks of an arena that are followed at most, 32 MiB of addresses. */
#define MOST (4U << 20)
#define CLOCK_EVERY 256

/* Whether the header there is that of a chunk of the size, and the link in it. */
static bool get_link(const struct image *image, uint64_t chunk, uint64_t size, uint64_t *ret)
{
	uint8_t bytes[24];

	if (chunk & 15 || !chunk || chunk >= ADDRESS_MAX || image_get(image, chunk, bytes, sizeof(bytes)) ||
	    chunk_size(word(bytes + 8)) != size)
		return false;
	*ret = word(bytes + 16);
	return true;
}

/*
 * The next chunk and the link in that; 0 at the end. From 2.32 on links are XORed with the page number of where they are
 * (PROTECT_PTR): whichever way leads to a chunk of this list is right.
 */
static uint64_t follow(const struct image *image, uint64_t chunk, uint64_t size, uint64_t *link)
{
	uint64_t revealed = *link ^ (chunk + CHUNK_HEADER) >> 12, plain = *link;

	if (!revealed || !plain)
		return 0;
	if (get_link(image, revealed, size, link))
		return revealed;
	return get_link(image, plain, size, link) ? plain : 0;
}

static int collect_list(const struct image *image, uint64_t head, uint64_t size, uint64_t most, uint64_t deadline,
			struct addresses *set)
{
	uint64_t link;

	if (!get_link(image, head, size, &link))
		return 0;
	for (uint64_t chunk = head; chunk && set->n < most; chunk = follow(image, chunk, size, &link)) {
		int result = addresses_add(set, chunk);

		if (result)
			return result;
		if (set->n % CLOCK_EVERY == 0 && monotonic_ns() > deadline)
			return -ETIME;
	}
	return 0;
}

int fastbins_collect(const struct image *image, const uint64_t *heads, uint64_t system_mem, uint64_t deadline,
		     struct addresses *set)
{
	/* a list that is a ring must end */
	uint64_t most = set->n + system_mem / CHUNK_MIN < MOST ? set->n + system_mem / CHUNK_MIN : MOST;

	for (unsigned int i = 0; i < N_FASTBINS; i++) {
		int result = collect_list(image, heads[i], CHUNK_MIN + 16 * i, most, deadline, set);

		if (result)
			return result;
	}
	return 0;
}
