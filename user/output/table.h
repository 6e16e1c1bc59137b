/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table format: a table an interval, the largest gap first. Unknown gaps come last, by resident size.
 *
 * TARGET is what people call it: "web" for a container, "shop/web-0/web" (namespace, pod, container) in Kubernetes, a
 * cgroup's path else; a process is "redis-server[123]", behind its container's name if it has one: "web/nginx[123]".
 *
 * On a terminal a line always fits. The wider it is, the more columns there are, in the order of `importance` (table.c); a
 * TARGET that is too long loses its beginning. Where all columns have room, `why` has the rest of the line.
 * Else, as with ps(1), nothing is cut: all columns but `why`, each TARGET in full. The columns are separated by spaces and
 * headed by one line; there is an empty line before each table but the first, so that each is a paragraph, and so are
 * the trims between two tables. Programs had better read JSON.
 *
 * Escape sequences (ECMA-48 SGR) are used for the header and the verdict, and only when asked for.
 */
#ifndef MEMGAP_OUTPUT_TABLE_H
#define MEMGAP_OUTPUT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "user/gap/snapshot.h"

/* What a line needs of a snapshot, which is ten times as large. */
struct table_row {
	size_t target, why; /* where in the table's text they begin; printable */
	int64_t alloc, sys, rss, gap, trimmable, current, limit, processes, missed;
	double gap_percent, psi;
	enum verdict verdict;
	size_t order; /* in which it came */
};

/* All 0: nothing was printed yet. */
struct table {
	struct table_row *rows; /* of this interval so far */
	size_t n_rows, room;
	char *text;             /* of these rows, each ends with a NUL */
	size_t text_used, text_room;
	size_t longest;         /* TARGET there was in the run, in columns of a terminal, so that its tables look alike */
	enum { TABLE_NOTHING, TABLE_TRIMS, TABLE_ROWS } last; /* what was printed */
};

/* What people call a target, as above; printable. */
void table_name_target(char *name, size_t size, const struct target_name *target);

/* A row more; -ENOMEM: it is not there. Memory is only taken for more than any interval before had: malloc may be probed. */
int table_add(struct table *table, const struct snapshot *snapshot);
/* Ends the interval: no rows. */
void table_clear(struct table *table);
void table_free(struct table *table);

#endif
