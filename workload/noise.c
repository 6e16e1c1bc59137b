// SPDX-License-Identifier: GPL-2.0-only
#include "workload/noise.h"

#include <errno.h>

#include "workload/random.h"

#define MOST_BLOCKS (1 << 20)

/* Most blocks of a program are small, most bytes are in large ones: each doubling of the size is as likely as the others. */
#define LEAST_BYTES 16
#define DOUBLINGS 12

int noise_init(struct noise *noise, uint64_t seed)
{
	noise->random = seed * 2 + 1; /* not 0 */
	noise->blocks = books_map(MOST_BLOCKS * sizeof(*noise->blocks));
	return noise->blocks ? 0 : -ENOMEM;
}

static void free_about_half(struct noise *noise)
{
	size_t kept = 0;

	for (size_t i = 0; i < noise->n; i++) {
		if (random_next(&noise->random) & 1 << 20)
			noise->blocks[kept++] = noise->blocks[i];
		else
			tally_free(&noise->tally, noise->blocks[i]);
	}
	noise->n = kept;
}

int noise_tick(struct noise *noise, size_t bytes)
{
	size_t wanted = random_next(&noise->random) % (bytes + 1);

	free_about_half(noise);
	while (tally_held_bytes(&noise->tally) < wanted && noise->n < MOST_BLOCKS) {
		size_t base = (size_t)LEAST_BYTES << random_next(&noise->random) % DOUBLINGS;
		size_t size = base + random_next(&noise->random) % base;
		void *block = tally_malloc(&noise->tally, size);

		if (!block)
			return -ENOMEM;
		block_touch(block, size);
		noise->blocks[noise->n++] = block;
	}
	return 0;
}
