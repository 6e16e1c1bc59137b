// SPDX-License-Identifier: GPL-2.0-only
#include "user/glibc/fastbins.h"

#include <errno.h>
#include <stdbool.h>

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

/* From 2.32 on links are XORed with the page number of where they are (PROTECT_PTR). */
static uint64_t next_of(uint64_t chunk, uint64_t link, bool is_protected)
{
	return is_protected ? link ^ (chunk + CHUNK_HEADER) >> 12 : link;
}

/* 1: to its end, 0: up to where it leads to no chunk of this list, or -errno. */
static int follow(const struct image *image, uint64_t head, uint64_t size, bool is_protected, uint64_t most, uint64_t deadline,
		  struct addresses *set)
{
	uint64_t link;

	for (uint64_t chunk = head; chunk; chunk = next_of(chunk, link, is_protected)) {
		int result;

		if (set->n >= most || !get_link(image, chunk, size, &link))
			return 0;
		result = addresses_add(set, chunk);
		if (result)
			return result;
		if (set->n % CLOCK_EVERY == 0 && monotonic_ns() > deadline)
			return -ETIME;
	}
	return 1;
}

/*
 * All links of a list are of one kind, and a link that is read as the other kind leads to a chunk of the same size now and then: the kind by which the
 * list ends is right, or of a list that changes that by which it is longer.
 */
static int collect_list(const struct image *image, uint64_t head, uint64_t size, uint64_t most, uint64_t deadline,
			struct addresses *set)
{
	size_t before = set->n, found;
	int result = follow(image, head, size, true, most, deadline, set);

	if (result)
		return result < 0 ? result : 0;
	found = set->n;
	set->n = before;
	result = follow(image, head, size, false, most, deadline, set);
	if (!result && set->n < found) {
		set->n = before;
		result = follow(image, head, size, true, most, deadline, set);
	}
	return result < 0 ? result : 0;
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
