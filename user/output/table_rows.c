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

/* From the outermost to itself. */
void table_name_target(char *name, size_t size, const struct target_name *target)
{
	const char *const around[] = { target->pod_namespace, target->pod, target->container };
	size_t used = 0;

	*name = '\0';
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

/* Grows memory that has room for *room items, for one more than used, or for several. NULL: out of memory, all is as before. */
static void *grow(void *memory, size_t used, size_t more, size_t *room, size_t size)
{
	size_t wanted = *room ? *room : FIRST_ROOM;
	void *grown;

	if (used + more <= *room)
		return memory;
	while (wanted < used + more)
		wanted *= 2;
	grown = reallocarray(memory, wanted, size);
	if (grown)
		*room = wanted;
	return grown;
}

static int add_text(struct table *table, const char *text, size_t *ret_start)
{
	size_t n = strlen(text) + 1;
	char *grown = grow(table->text, table->text_used, n, &table->text_room, 1);

	if (!grown)
		return -ENOMEM;
	table->text = grown;
	*ret_start = table->text_used;
	memcpy(table->text + table->text_used, text, n);
	table->text_used += n;
	return 0;
}

static int add_row(struct table *table, const struct table_row *row)
{
	struct table_row *grown = grow(table->rows, table->n_rows, 1, &table->room, sizeof(*row));

	if (!grown)
		return -ENOMEM;
	table->rows = grown;
	table->rows[table->n_rows++] = *row;
	return 0;
}

int table_add(struct table *table, const struct snapshot *snapshot)
{
	const struct cgroup_memory *cgroup = &snapshot->kernel.cgroup;
	char name[TARGET_PATH_MAX], why[WHY_MAX];
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

	table_name_target(name, sizeof(name), &snapshot->target);
	memcpy(why, snapshot->gap.why, sizeof(why));
	if (add_text(table, name, &row.target) || add_text(table, text_make_printable(why), &row.why) || add_row(table, &row))
		return -ENOMEM;
	if (text_width(name) > table->longest)
		table->longest = text_width(name);
	return 0;
}

void table_clear(struct table *table)
{
	table->n_rows = table->text_used = 0;
}

void table_free(struct table *table)
{
	free(table->rows);
	free(table->text);
	*table = (struct table){ 0 };
}
