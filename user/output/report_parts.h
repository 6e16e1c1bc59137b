/* SPDX-License-Identifier: GPL-2.0-only */
/* What a recording has been read to: report.c fills it, report_write.c makes the page of it. */
#ifndef MEMGAP_OUTPUT_REPORT_PARTS_H
#define MEMGAP_OUTPUT_REPORT_PARTS_H

#include <jansson.h>

#include "user/output/report.h"
#include "user/store/thinned.h"

struct report_target {
	char *key;            /* what tells it from others: its kind, and its pid or its cgroup's path */
	char *first, *last;   /* times, as they are written */
	char *snapshot;       /* the last, as it was written */
	size_t size;          /* of that, bytes */
	bool is_resident;     /* in that one its rss is known */
	uint64_t round;       /* in which it was seen last */
	struct thinned series;
};

/* A line of schema 1 as it was written, and what the page has besides. */
struct report_trim {
	char *key;          /* of its target */
	char *line;
	size_t size;        /* of that, bytes */
	size_t id;          /* of the target; 0: it has not been seen */
	int64_t reclaimed;  /* by which what is said of it later finds it */
	int64_t regrown;
};

struct report {
	struct report_target *targets; /* by their ids, which begin with 1 */
	size_t n_targets, room, next;  /* next: where the next line's is likely to be */
	struct report_trim *trims; /* by their numbers, which begin with 1 */
	size_t n_trims, room_of_trims;
	size_t bytes;    /* of all lines that are kept */
	uint64_t round;  /* how often all that is there has been shown: an interval of memgap's */
	size_t points;   /* of all series */
	uint64_t lines, samples, other_lines, bad_lines; /* seen: all; snapshots; what has another meaning; what is no JSON */
	uint64_t samples_left_out, trims_left_out;
};

/* The object that the page reads (user/page/recording.js). 0 or -ENOMEM; text is to be freed. */
int report_write_json(const struct report *report, const struct report_facts *facts, char **ret_text, size_t *ret_size);

#endif
