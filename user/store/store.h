/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was seen, for those who ask later: the last snapshot of each target, what its figures were over time, and the trims. One
 * thread writes (the session, as to any output), others read; nobody waits for anybody for longer than a copy takes.
 */
#ifndef MEMGAP_STORE_STORE_H
#define MEMGAP_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/gap/snapshot.h"
#include "user/store/series.h"
#include "user/trim/event.h"

struct store_limits {
	size_t series_bytes; /* for all figures over time, never more: they go less far back then, and what comes when it is used up has none */
	size_t gone;         /* targets that are gone and still remembered, the latest */
	size_t trims;        /* that are remembered, the latest */
};

/* What an interval has shown: it does not change any more. */
struct picture {
	uint64_t number;     /* of the interval, from 1 on */
	struct timespec now; /* CLOCK_REALTIME */
	size_t n;
	const uint64_t *ids; /* of the targets: numbers that are never used again */
	const struct snapshot *snapshots;
	uint64_t without_series; /* targets so far that had no room for figures over time */
	uint64_t trims[TRIM_DRY_RUN + 1]; /* so far, by enum trim_outcome */
	int64_t reclaimed;       /* bytes so far */
};

struct stored_target {
	uint64_t id;
	struct target_name name;
	struct timespec first, last; /* seen */
	bool gone;
};

/* A trim, and what was back later. */
struct stored_trim {
	uint64_t number; /* from 1 on, in their order */
	uint64_t target; /* its id; 0: not known any more */
	struct trim_event event;
	int64_t regrown; /* bytes; UNKNOWN: not yet, or never */
};

struct store;

/* 0 or -ENOMEM. */
int store_open(const struct store_limits *limits, struct store **ret);
void store_close(struct store *store); /* when nobody holds a picture any more; NULL is allowed */

/* The writer: the snapshots of an interval, one of each target, then the interval. What was not shown in it is gone. */
void store_add(struct store *store, const struct snapshot *snapshot);
void store_end_interval(struct store *store);
void store_add_trim(struct store *store, const struct trim_event *event);
void store_add_regrowth(struct store *store, const struct trim_regrowth *regrowth);

/* The readers. The last picture, to be given back with store_put(); NULL: no interval is over yet. */
const struct picture *store_get(struct store *store);
void store_put(struct store *store, const struct picture *picture);

/* The figures of a target from a time on, as series_read() has them; -1: there is no such target. */
ssize_t store_read_series(struct store *store, uint64_t id, int64_t from_ms, struct series_point *points, size_t max);

/* Those that are there and those that are gone, at most max, the oldest first; the trims with a number above `after`, likewise. */
size_t store_list(struct store *store, struct stored_target *targets, size_t max);
size_t store_read_trims(struct store *store, uint64_t after, struct stored_trim *trims, size_t max);

/* Readable (an eventfd) for a reader of its own after each interval: store_watch() -1 with errno; store_unwatch() closes it. */
int store_watch(struct store *store);
void store_unwatch(struct store *store, int fd);

#endif
