/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What any program does besides: blocks of all sizes that come and go. At most so many bytes are held, a random part of
 * them, another one each interval.
 */
#ifndef WORKLOAD_NOISE_H
#define WORKLOAD_NOISE_H

#include "workload/ledger.h"

struct noise {
	struct tally tally;
	void **blocks;
	size_t n;
	uint64_t random;
};

/* Returns 0 or -ENOMEM. The seed tells one run from another. */
int noise_init(struct noise *noise, uint64_t seed);

/* Frees some blocks and allocates others, so that at most `bytes` are held. Returns 0 or -ENOMEM. */
int noise_tick(struct noise *noise, size_t bytes);

#endif
