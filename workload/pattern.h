/* SPDX-License-Identifier: GPL-2.0-only */
/* A pattern of memory use, and the run of one. */
#ifndef WORKLOAD_PATTERN_H
#define WORKLOAD_PATTERN_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "workload/ledger.h"
#include "workload/noise.h"
#include "workload/options.h"
#include "workload/output.h"

struct workload {
	struct options options;
	/* held by whoever changes or counts the blocks: the main thread around its hooks, a collection */
	pthread_mutex_t lock;
	struct ledger ledger;
	struct noise noise;
	void *state;         /* the pattern's own, state_bytes of zeroes at first; lives as long as the process */
	const char *subject; /* what an error was about, such as a path; NULL: nothing to name */
};

/* Hooks may be NULL. Those that return int return 0 or -errno; workload->subject then names what failed. */
struct pattern {
	const char *name;
	const char *summary;
	unsigned int uses; /* enum option_use */
	size_t size_bytes; /* defaults of the options */
	uint64_t blocks;
	uint64_t threads;
	size_t state_bytes;

	int (*start)(struct workload *workload);    /* once, before the first interval */
	int (*tick)(struct workload *workload);     /* at the start of each interval */
	void (*collect)(struct workload *workload); /* on SIGUSR1, in another thread, before malloc_trim */
	void (*stop)(struct workload *workload);    /* at the end of --duration: threads of its own come to rest */

	/* What is held now; NULL: what the ledger says. */
	void (*count)(const struct workload *workload, struct tally *ret);
	/* Writes the usual line into the buffer; NULL: pattern, bytes and blocks held. */
	int (*line)(struct workload *workload, const struct tally *tally, char buffer[OUTPUT_LINE_MAX]);
};

/* All patterns, NULL at the end. */
extern const struct pattern *const patterns[];

/* NULL when there is none of that name. */
const struct pattern *pattern_find(const char *name);

extern const struct pattern pattern_seed, pattern_hold, pattern_frag, pattern_retain, pattern_leak, pattern_cache,
	pattern_untouched, pattern_threads, pattern_churn;

#endif
