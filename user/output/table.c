// SPDX-License-Identifier: GPL-2.0-only
#include "user/output/table.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/units.h"
#include "user/output/line.h"
#include "user/output/output.h"

#define TARGET "TARGET"
#define ELLIPSIS "…"
#define SEPARATED(width) ((size_t)(width) + 1) /* a space before it */

/* TARGET has at least a part of the line to itself, if its text is as long, before another column comes in. */
#define TARGET_PART 4
#define TARGET_LEAST 8
#define WHY_LEAST 20 /* less says nothing */

#define CELL_MAX BYTES_TEXT_MAX

struct column {
	const char *header;
	int width; /* of the widest value there may be */
	void (*print)(char cell[CELL_MAX], const struct table_row *row);
};

/* Thousands, millions, ... of what is not below that: with 1000, "4M" for 4194304. */
static void print_count(char cell[CELL_MAX], int64_t value, int64_t below)
{
	static const char units[] = { '\0', 'k', 'M', 'G', 'T', 'P', 'E' };
	size_t unit = 0;

	if (!is_known(value)) {
		strcpy(cell, "-");
		return;
	}
	while (value >= below || value <= -below) {
		value /= 1000;
		unit++;
	}
	snprintf(cell, CELL_MAX, "%" PRId64 "%.1s", value, &units[unit]);
}

static void print_alloc(char cell[CELL_MAX], const struct table_row *row)
{
	format_bytes(cell, row->alloc);
}

static void print_rss(char cell[CELL_MAX], const struct table_row *row)
{
	format_bytes(cell, row->rss);
}

static void print_gap(char cell[CELL_MAX], const struct table_row *row)
{
	format_bytes(cell, row->gap);
}

static void print_percent(char cell[CELL_MAX], const struct table_row *row)
{
	print_count(cell, is_known(row->gap) && !isnan(row->gap_percent) ? lround(row->gap_percent) : UNKNOWN, 1000);
}

static void print_current(char cell[CELL_MAX], const struct table_row *row)
{
	format_bytes(cell, row->current);
}

static void print_limit(char cell[CELL_MAX], const struct table_row *row)
{
	format_bytes(cell, row->limit);
}

static void print_trimmable(char cell[CELL_MAX], const struct table_row *row)
{
	format_bytes(cell, row->trimmable);
}

static void print_sys(char cell[CELL_MAX], const struct table_row *row)
{
	format_bytes(cell, row->sys);
}

static void print_processes(char cell[CELL_MAX], const struct table_row *row)
{
	print_count(cell, row->processes, 100000);
}

static void print_psi(char cell[CELL_MAX], const struct table_row *row)
{
	if (isnan(row->psi))
		strcpy(cell, "-");
	else
		snprintf(cell, CELL_MAX, row->psi < 9.95 ? "%.1f" : "%.0f", row->psi);
}

static void print_missed(char cell[CELL_MAX], const struct table_row *row)
{
	print_count(cell, row->missed, 1000000);
}

static void print_verdict(char cell[CELL_MAX], const struct table_row *row)
{
	snprintf(cell, CELL_MAX, "%s", verdict_name(row->verdict));
}

enum { ALLOC, RSS, GAP, PERCENT, CGROUP, LIMIT, TRIMMABLE, SYS, PROCS, PSI, MISSED, VERDICT, N_COLUMNS };

/* From left to right, behind TARGET. */
static const struct column columns[N_COLUMNS] = {
	[ALLOC] = { "ALLOC", 8, print_alloc },
	[RSS] = { "RSS", 8, print_rss },
	[GAP] = { "GAP", 9, print_gap }, /* may be negative */
	[PERCENT] = { "GAP%", 5, print_percent },
	[CGROUP] = { "CGROUP", 8, print_current },
	[LIMIT] = { "LIMIT", 8, print_limit },
	[TRIMMABLE] = { "TRIMMABLE", 9, print_trimmable },
	[SYS] = { "SYS", 8, print_sys },
	[PROCS] = { "PROCS", 5, print_processes },
	[PSI] = { "PSI%", 4, print_psi },
	[MISSED] = { "MISSED", 7, print_missed },
	[VERDICT] = { "VERDICT", 10, print_verdict },
};

static const int importance[N_COLUMNS] = { GAP, RSS, ALLOC, VERDICT, CGROUP, LIMIT, PERCENT, TRIMMABLE, SYS, PROCS, PSI, MISSED };

/* ECMA-48, 8.3.117 */
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

static const char *colour_of(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_GROWING:
		return "\033[31m"; /* red */
	case VERDICT_RETAINED:
	case VERDICT_PINNED:
	case VERDICT_OTHER_ANON:
		return "\033[33m"; /* yellow */
	case VERDICT_CACHE:
		return "\033[36m"; /* cyan */
	case VERDICT_IN_USE:
		return "\033[32m"; /* green */
	case VERDICT_UNKNOWN:
		return "\033[2m"; /* faint */
	default:
		return NULL;
	}
}

/* The columns that are shown, and how wide those of text are; why: 0 when it is not shown. */
struct layout {
	bool shown[N_COLUMNS];
	size_t target, why;
};

static size_t at_most(size_t value, size_t most)
{
	return value < most ? value : most;
}

static struct layout lay_out(size_t width, size_t longest)
{
	struct layout layout = { .target = longest };
	size_t least, used = 0, n = 0;

	least = at_most(width / TARGET_PART > TARGET_LEAST ? width / TARGET_PART : TARGET_LEAST, longest);
	for (; n < N_COLUMNS; n++) {
		const struct column *column = &columns[importance[n]];

		if (width && least + used + SEPARATED(column->width) > width)
			break;
		used += SEPARATED(column->width);
		layout.shown[importance[n]] = true;
	}
	if (!width)
		return layout;
	layout.target = at_most(longest, width - used);
	used += layout.target;
	if (n == N_COLUMNS && used + SEPARATED(WHY_LEAST) <= width)
		layout.why = width - used - SEPARATED(0);
	return layout;
}

/* Its end is what tells one target from another. */
static void print_target(FILE *stream, const char *text, size_t width)
{
	const char *shown = text_width(text) <= width ? text : text_tail(text, width - text_width(ELLIPSIS));
	int padding = (int)(width - text_width(shown) - (shown == text ? 0 : text_width(ELLIPSIS)));

	fprintf(stream, "%s%s%*s", shown == text ? "" : ELLIPSIS, shown, padding, "");
}

static void print_why(FILE *stream, const char *text, size_t width)
{
	if (text_width(text) <= width)
		fprintf(stream, " %s", text);
	else
		fprintf(stream, " %.*s%s", (int)text_head(text, width - text_width(ELLIPSIS)), text, ELLIPSIS);
}

static void print_header(const struct output *output, const struct layout *layout)
{
	FILE *stream = output->stream;

	fputs(output->terminal.colour ? BOLD : "", stream);
	print_target(stream, TARGET, layout->target);
	for (int i = 0; i < VERDICT; i++)
		if (layout->shown[i])
			fprintf(stream, " %*s", columns[i].width, columns[i].header);
	if (layout->shown[VERDICT])
		fprintf(stream, " %-*s", layout->why ? columns[VERDICT].width : 0, columns[VERDICT].header);
	fputs(layout->why ? " WHY" : "", stream);
	fputs(output->terminal.colour ? PLAIN : "", stream);
	fputc('\n', stream);
}

static void print_row(const struct output *output, const struct layout *layout, const struct table_row *row)
{
	const char *colour = output->terminal.colour ? colour_of(row->verdict) : NULL;
	FILE *stream = output->stream;
	const char *why = layout->why ? output->table.text + row->why : "";
	char cell[CELL_MAX];

	print_target(stream, output->table.text + row->target, layout->target);
	for (int i = 0; i < VERDICT; i++) {
		if (!layout->shown[i])
			continue;
		columns[i].print(cell, row);
		fprintf(stream, " %*s", columns[i].width, cell);
	}
	if (layout->shown[VERDICT]) {
		columns[VERDICT].print(cell, row);
		fprintf(stream, " %s%s%s%*s", colour ? colour : "", cell, colour ? PLAIN : "",
			*why ? columns[VERDICT].width - (int)strlen(cell) : 0, "");
	}
	if (*why)
		print_why(stream, why, layout->why);
	fputc('\n', stream);
}

static int descending(int64_t a, int64_t b)
{
	return (a < b) - (a > b);
}

/* UNKNOWN is the least of all. */
static int compare(const void *first, const void *second)
{
	const struct table_row *a = first, *b = second;
	int by_gap = descending(a->gap, b->gap), by_rss = descending(a->rss, b->rss);

	return by_gap ? by_gap : by_rss ? by_rss : descending((int64_t)b->order, (int64_t)a->order);
}

/* Where something else was printed before. */
static void begin_paragraph(struct output *output)
{
	if (output->table.last != TABLE_NOTHING)
		fputc('\n', output->stream);
}

static void print_table(struct output *output)
{
	struct table *table = &output->table;
	struct layout layout;

	if (!table->n_rows)
		return;
	begin_paragraph(output);
	table->last = TABLE_ROWS;
	qsort(table->rows, table->n_rows, sizeof(*table->rows), compare);
	layout = lay_out((size_t)output->terminal.columns, table->longest > strlen(TARGET) ? table->longest : strlen(TARGET));
	print_header(output, &layout);
	for (size_t i = 0; i < table->n_rows; i++)
		print_row(output, &layout, &table->rows[i]);
	table_clear(table);
}

static void gather(struct output *output, const struct snapshot *snapshot)
{
	if (table_add(&output->table, snapshot))
		output->error = -ENOMEM;
}

/* Trims between two tables are a paragraph. */
static void begin_trims(struct output *output)
{
	if (output->table.last != TABLE_TRIMS)
		begin_paragraph(output);
	output->table.last = TABLE_TRIMS;
}

static void print_triggered(struct output *output, const struct trim_event *event)
{
	begin_trims(output);
	line_trim_triggered(output, event);
}

static void print_ended(struct output *output, const struct trim_event *event)
{
	if (!line_tells_end(event))
		return;
	begin_trims(output);
	line_trim_ended(output, event);
}

static void print_regrown(struct output *output, const struct trim_regrowth *regrowth)
{
	begin_trims(output);
	line_trim_regrown(output, regrowth);
}

const struct output_format output_table = {
	.name = "table",
	.snapshot = gather,
	.interval = print_table,
	.trim_triggered = print_triggered,
	.trim_ended = print_ended,
	.trim_regrown = print_regrown,
};
