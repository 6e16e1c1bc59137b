// SPDX-License-Identifier: GPL-2.0-only
#include "user/screen/layout.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/units.h"

/* Before a name: ">" where it is selected, "+" or "-" where there is something below. */
#define MARKS 2
#define INDENT 2 /* of a process below its cgroup */
#define TARGET_PART 4
#define TARGET_LEAST 8
#define CHART_LEAST 8
#define CELL_TEXT_MAX 64

/* Of the widest value that there may be, or the header with an arrow before it. */
static const int widths[VIEW_COLUMNS] = {
	[VIEW_VERDICT] = 10, [VIEW_ALLOC] = 8, [VIEW_RSS] = 8, [VIEW_GAP] = 9, [VIEW_PERCENT] = 5, [VIEW_CGROUP] = 8, [VIEW_LIMIT] = 8,
	[VIEW_TRIMMABLE] = 10,
};

/* Both figures over time count as one. */
#define CHARTS VIEW_COLUMNS
static const int importance[] = { VIEW_GAP, VIEW_RSS, VIEW_VERDICT, VIEW_ALLOC, CHARTS, VIEW_CGROUP, VIEW_LIMIT, VIEW_PERCENT, VIEW_TRIMMABLE };

static int at_most(int value, int most)
{
	return value < most ? value : most;
}

static const char *name_of(const struct view_row *row)
{
	return row->parent ? row->short_name : row->name;
}

static int indent_of(const struct view_row *row)
{
	return row->parent ? INDENT : 0;
}

static int longest_name(const struct view *view)
{
	int longest = (int)strlen(view_column_name(VIEW_TARGET)) + 1;

	for (size_t i = 0; i < view->n_shown; i++) {
		int width = (int)text_width(name_of(view->shown[i])) + indent_of(view->shown[i]);

		longest = width > longest ? width : longest;
	}
	return longest;
}

struct layout layout_for(const struct view *view, int width)
{
	int longest = longest_name(view), part = width / TARGET_PART, used = MARKS, least;
	struct layout layout = { .shown = { [VIEW_TARGET] = true } };

	least = at_most(part > TARGET_LEAST ? part : TARGET_LEAST, longest);
	for (size_t i = 0; i < sizeof(importance) / sizeof(importance[0]); i++) {
		int wanted = importance[i] == CHARTS ? 2 * (1 + CHART_LEAST) : 1 + widths[importance[i]];

		if (least + used + wanted > width)
			break;
		used += wanted;
		if (importance[i] == CHARTS)
			layout.chart = CHART_LEAST;
		else
			layout.shown[importance[i]] = true;
	}
	layout.target = at_most(longest, width - used);
	used += layout.target;
	if (layout.chart && width > used)
		layout.chart = at_most(CHART_LEAST + (width - used) / 2, SPARKLINE_MOST);
	return layout;
}

static int put_right(struct canvas *canvas, int line, int column, int width, enum style style, const char *text)
{
	int free = width - (int)text_width(text);

	canvas_put(canvas, line, column + (free > 0 ? free : 0), width, style, text);
	return column + width + 1;
}

void layout_draw_head(const struct layout *layout, const struct view *view, struct canvas *canvas, int line, bool ascii)
{
	const char *arrow = view->reverse ? (ascii ? "^" : "▲") : ascii ? "v" : "▼";
	int column = MARKS;

	for (int i = 0; i < VIEW_COLUMNS; i++) {
		char text[CELL_TEXT_MAX];
		bool sorted = view->sort == (enum view_column)i, left = i == VIEW_TARGET || i == VIEW_VERDICT;
		int width = i == VIEW_TARGET ? layout->target : widths[i];

		if (!layout->shown[i])
			continue;
		snprintf(text, sizeof(text), "%s%s%s", sorted && !left ? arrow : "", view_column_name((enum view_column)i),
			 sorted && left ? arrow : "");
		if (left)
			canvas_put(canvas, line, column, width, STYLE_BOLD, text);
		else
			put_right(canvas, line, column, width, STYLE_BOLD, text);
		column += width + 1;
	}
	if (layout->chart) {
		canvas_put(canvas, line, column, layout->chart, STYLE_BOLD, "ALLOC/t");
		canvas_put(canvas, line, column + layout->chart + 1, layout->chart, STYLE_BOLD, "RSS/t");
	}
}

/* Its end is what tells one target from another. */
static void put_name(struct canvas *canvas, int line, int column, int width, const char *name, bool ascii)
{
	int dots;

	if (width <= 0)
		return;
	if ((int)text_width(name) <= width) {
		canvas_put(canvas, line, column, width, STYLE_PLAIN, name);
		return;
	}
	dots = canvas_put(canvas, line, column, width, STYLE_PLAIN, ascii ? "~" : "…");
	canvas_put(canvas, line, column + dots, width - dots, STYLE_PLAIN, text_tail(name, (size_t)(width - dots)));
}

static void put_target(const struct layout *layout, const struct view *view, const struct view_row *row, struct canvas *canvas, int line,
		       bool ascii)
{
	int indent = indent_of(row);

	canvas_put(canvas, line, 0, 1, STYLE_PLAIN, row == view->selected ? ">" : " ");
	if (row->kind == TARGET_CGROUP)
		canvas_put(canvas, line, 1, 1, STYLE_PLAIN, row->expanded ? "-" : "+");
	if (indent)
		canvas_put(canvas, line, MARKS, indent, STYLE_FAINT, ascii ? "`-" : "└─");
	put_name(canvas, line, MARKS + indent, layout->target - indent, name_of(row), ascii);
}

static enum style style_of(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_GROWING:
		return STYLE_RED;
	case VERDICT_RETAINED:
	case VERDICT_PINNED:
	case VERDICT_OTHER_ANON:
		return STYLE_YELLOW;
	case VERDICT_CACHE:
		return STYLE_CYAN;
	case VERDICT_IN_USE:
		return STYLE_GREEN;
	case VERDICT_UNKNOWN:
		return STYLE_FAINT;
	default:
		return STYLE_PLAIN;
	}
}

static void print_figure(char text[CELL_TEXT_MAX], const struct view_row *row, int column)
{
	const int64_t figures[VIEW_COLUMNS] = {
		[VIEW_ALLOC] = row->alloc, [VIEW_RSS] = row->rss, [VIEW_GAP] = row->gap, [VIEW_CGROUP] = row->current,
		[VIEW_LIMIT] = row->limit, [VIEW_TRIMMABLE] = row->trimmable,
	};

	if (column == VIEW_VERDICT)
		snprintf(text, CELL_TEXT_MAX, "%s", verdict_name(row->verdict));
	else if (column != VIEW_PERCENT)
		format_bytes(text, figures[column]);
	else if (isnan(row->percent))
		strcpy(text, "-");
	else
		snprintf(text, CELL_TEXT_MAX, "%ld", lround(row->percent));
}

/* Both in the same measure: the gap is what one is above the other. */
static void put_charts(const struct layout *layout, const struct view_row *row, struct canvas *canvas, int line, int column, bool ascii)
{
	int64_t alloc = sparkline_most(&row->alloc_points), rss = sparkline_most(&row->rss_points), most = alloc > rss ? alloc : rss;
	char text[SPARKLINE_TEXT_MAX];

	sparkline_draw(&row->alloc_points, layout->chart, most, ascii, text);
	canvas_put(canvas, line, column, layout->chart, STYLE_CYAN, text);
	sparkline_draw(&row->rss_points, layout->chart, most, ascii, text);
	canvas_put(canvas, line, column + layout->chart + 1, layout->chart, STYLE_YELLOW, text);
}

void layout_draw_row(const struct layout *layout, const struct view *view, const struct view_row *row, struct canvas *canvas, int line,
		     bool ascii)
{
	int column = MARKS + layout->target + 1;

	put_target(layout, view, row, canvas, line, ascii);
	for (int i = VIEW_TARGET + 1; i < VIEW_COLUMNS; i++) {
		char text[CELL_TEXT_MAX];

		if (!layout->shown[i])
			continue;
		print_figure(text, row, i);
		if (i == VIEW_VERDICT)
			canvas_put(canvas, line, column, widths[i], style_of(row->verdict), text);
		else
			put_right(canvas, line, column, widths[i], STYLE_PLAIN, text);
		column += widths[i] + 1;
	}
	if (layout->chart)
		put_charts(layout, row, canvas, line, column, ascii);
	if (row == view->selected)
		canvas_mark_line(canvas, line);
}
