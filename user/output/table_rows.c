// SPDX-License-Identifier: GPL-2.0-only
/* The rows of a table, as they are gathered. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"
#include "user/output/output.h"
#include "user/output/table.h"

#define FIRST_ROOM 16

/* What people call it, from the outermost to itself. */
static void name_target(char *name, size_t size, const struct target_name *target)
{
	const char *const around[] = { target->pod_namespace, target->pod, target->container };
	size_t used = 0;

	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++)
		if (*around[i])
			used += (size_t)snprintf(name + used, size - used, "%s%s", used ? "/" : "", around[i]);
	text_make_printable(name);
	if (target->kind == TARGET_CGROUP && used)
		return;
	used = used ? strlen(name) : 0;
	if (used)
		name[used++] = '/';
	format_target(name + used, size - used, target);
}

static int make_room(struct table *table)
{
	size_t room = table->room ? 2 * table->room : FIRST_ROOM;
	struct table_row *rows;

	if (table->n_rows < table->room)
		return 0;
	rows = reallocarray(table->rows, room, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	table->rows = rows;
	table->room = room;
	return 0;
}

int table_add(struct table *table, const struct snapshot *snapshot)
{
	const struct cgroup_memory *cgroup = &snapshot->kernel.cgroup;
	char name[TARGET_PATH_MAX] = "";
	struct table_row row = {
		.alloc = snapshot->allocator.alloc,
		.sys = snapshot->allocator.sys,
		.rss = snapshot->kernel.rss,
		.gap = snapshot->gap.bytes,
		.gap_percent = snapshot->gap.percent,
		.trimmable = snapshot->gap.trimmable,
		.current = cgroup->current,
		.limit = cgroup->limit,
		.psi = cgroup->psi_some_avg10,
		.processes = snapshot->target.processes,
		.missed = snapshot->allocator.missed,
		.verdict = snapshot->gap.verdict,
		.order = table->n_rows,
	};

	name_target(name, sizeof(name), &snapshot->target);
	row.target = strdup(name);
	row.why = strdup(snapshot->gap.why);
	if (!row.target || !row.why || make_room(table)) {
		free(row.target);
		free(row.why);
		return -ENOMEM;
	}
	text_make_printable(row.why);
	if (text_width(name) > table->longest)
		table->longest = text_width(name);
	table->rows[table->n_rows++] = row;
	return 0;
}

void table_clear(struct table *table)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		free(table->rows[i].target);
		free(table->rows[i].why);
	}
	table->n_rows = 0;
}

void table_free(struct table *table)
{
	table_clear(table);
	free(table->rows);
	*table = (struct table){ 0 };
}
