// SPDX-License-Identifier: GPL-2.0-only
#include "user/screen/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/units.h"
#include "user/output/output.h"

#define FIRST_ROOM 16

void view_init(struct view *view)
{
	*view = (struct view){ .sort = VIEW_GAP, .interval = 1 };
}

void view_free(struct view *view)
{
	for (size_t i = 0; i < view->n_rows; i++)
		free(view->rows[i]);
	free(view->rows);
	free(view->shown);
	view_init(view);
}

static bool is_of(const struct view_row *row, const struct target_name *target)
{
	if (row->kind != target->kind)
		return false;
	return target->kind == TARGET_PROCESS ? row->pid == target->pid : !strcmp(row->path, target->cgroup);
}

/* They come in the same order each time, mostly. NULL: it is new. */
static struct view_row *find(struct view *view, const struct target_name *target)
{
	for (size_t i = 0; i < view->n_rows; i++) {
		size_t at = (view->hint + i) % view->n_rows;

		if (!is_of(view->rows[at], target))
			continue;
		view->hint = at + 1;
		return view->rows[at];
	}
	return NULL;
}

/* Room for one more in both lists. */
static bool make_room(struct view *view)
{
	size_t room = view->room ? view->room * 2 : FIRST_ROOM;
	struct view_row **rows, **shown;

	if (view->n_rows < view->room)
		return true;
	rows = reallocarray(view->rows, room, sizeof(struct view_row *));
	if (rows)
		view->rows = rows;
	shown = reallocarray(view->shown, room, sizeof(struct view_row *));
	if (shown)
		view->shown = shown;
	if (!rows || !shown)
		return false;
	view->room = room;
	return true;
}

static struct view_row *append(struct view *view, const struct target_name *target)
{
	struct view_row *row = make_room(view) ? calloc(1, sizeof(*row)) : NULL;

	if (!row) {
		view->short_of_memory = true;
		return NULL;
	}
	row->kind = target->kind;
	row->pid = target->pid;
	row->order = view->n_rows ? view->rows[view->n_rows - 1]->order + 1 : 0;
	view->rows[view->n_rows++] = row;
	view->changed = true;
	return row;
}

static void fill(struct view_row *row, const struct snapshot *snapshot)
{
	row->alloc = snapshot->allocator.alloc;
	row->rss = snapshot->kernel.rss;
	row->gap = snapshot->gap.bytes;
	row->percent = is_known(row->gap) ? snapshot->gap.percent : NAN;
	row->current = snapshot->kernel.cgroup.current;
	row->limit = snapshot->kernel.cgroup.limit;
	row->trimmable = snapshot->gap.trimmable;
	row->processes = snapshot->target.processes;
	row->verdict = snapshot->gap.verdict;
}

void view_add(struct view *view, const struct snapshot *snapshot)
{
	const struct target_name *target = &snapshot->target;
	struct view_row *row = find(view, target);
	bool again;

	if (!row)
		row = append(view, target);
	if (!row)
		return;
	again = row->seen == view->interval;
	row->seen = view->interval;
	fill(row, snapshot);
	view->changed |= strcmp(row->path, target->cgroup) != 0;
	strcpy(row->path, target->cgroup);
	table_name_target(row->name, sizeof(row->name), target);
	if (row->kind == TARGET_PROCESS)
		format_target(row->short_name, sizeof(row->short_name), target);
	memcpy(row->why, snapshot->gap.why, sizeof(row->why));
	text_make_printable(row->why);
	if (again)
		return; /* one look more, in the same interval */
	sparkline_add(&row->alloc_points, row->alloc);
	sparkline_add(&row->rss_points, row->rss);
}

bool view_is_below(const char *path, const char *cgroup)
{
	size_t n = strlen(cgroup);

	if (!*path || !n)
		return false;
	n -= cgroup[n - 1] == '/'; /* the root */
	return !strncmp(path, cgroup, n) && (path[n] == '/' || !path[n]);
}

static void find_around(struct view *view)
{
	for (size_t i = 0; i < view->n_rows; i++) {
		struct view_row *row = view->rows[i];

		row->around = NULL;
		for (size_t j = 0; j < view->n_rows; j++) {
			struct view_row *other = view->rows[j];

			if (other != row && other->kind == TARGET_CGROUP && view_is_below(row->path, other->path) &&
			    (!row->around || strlen(other->path) > strlen(row->around->path)))
				row->around = other;
		}
	}
}

void view_forget(struct view *view, struct view_row *row)
{
	for (size_t i = 0; i < view->n_rows; i++) {
		if (view->rows[i] != row)
			continue;
		memmove(&view->rows[i], &view->rows[i + 1], (view->n_rows - i - 1) * sizeof(struct view_row *));
		view->n_rows--;
		view->changed = true;
		/* the line below moves up to where it was */
		if (view->selected == row)
			view->selected = NULL;
		free(row);
		return;
	}
}

void view_end_interval(struct view *view)
{
	for (size_t i = view->n_rows; i-- > 0;)
		if (view->rows[i]->seen != view->interval)
			view_forget(view, view->rows[i]);
	view->interval++;
	view->hint = 0;
	view_arrange(view);
}

static int ascending(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int64_t figure_of(const struct view_row *row, enum view_column column)
{
	switch (column) {
	case VIEW_ALLOC:
		return row->alloc;
	case VIEW_RSS:
		return row->rss;
	case VIEW_PERCENT:
		return isnan(row->percent) ? UNKNOWN : (int64_t)(row->percent * 1000);
	case VIEW_CGROUP:
		return row->current;
	case VIEW_LIMIT:
		return row->limit;
	case VIEW_TRIMMABLE:
		return row->trimmable;
	default:
		return row->gap;
	}
}

/* The largest first, words from A to Z; in reverse the other way round, but what is not known is always last. */
static int compare_rows(const struct view *view, const struct view_row *a, const struct view_row *b)
{
	int64_t x = figure_of(a, view->sort), y = figure_of(b, view->sort);
	int result;

	if (view->sort == VIEW_TARGET)
		result = strcmp(a->name, b->name);
	else if (view->sort == VIEW_VERDICT)
		result = strcmp(verdict_name(a->verdict), verdict_name(b->verdict));
	else if (is_known(x) != is_known(y))
		return is_known(x) ? -1 : 1;
	else
		result = ascending(y, x);
	if (view->reverse)
		result = -result;
	if (!result)
		result = ascending(b->rss, a->rss);
	return result ? result : ascending((int64_t)a->order, (int64_t)b->order);
}

/* Processes right below their cgroup, sorted among themselves. */
static int compare(const void *first, const void *second, void *view)
{
	const struct view_row *a = *(struct view_row *const *)first, *b = *(struct view_row *const *)second;
	const struct view_row *root = a->parent ? a->parent : a, *other = b->parent ? b->parent : b;

	if (root != other)
		return compare_rows(view, root, other);
	if (!a->parent || !b->parent)
		return (a->parent != NULL) - (b->parent != NULL);
	return compare_rows(view, a, b);
}

/* The nearest expanded cgroup that it is in. */
static struct view_row *parent_of(const struct view *view, const struct view_row *row)
{
	struct view_row *nearest = NULL;

	for (size_t i = 0; row->kind == TARGET_PROCESS && i < view->n_rows; i++) {
		struct view_row *other = view->rows[i];

		if (other->kind == TARGET_CGROUP && other->expanded && view_is_below(row->path, other->path) &&
		    (!nearest || strlen(other->path) > strlen(nearest->path)))
			nearest = other;
	}
	return nearest;
}

static bool matches(const struct view *view, const struct view_row *row)
{
	return !*view->filter || strcasestr(row->name, view->filter) || strcasestr(verdict_name(row->verdict), view->filter);
}

/* A cgroup is shown with what is found in it, too. */
static bool is_shown(const struct view *view, const struct view_row *row)
{
	if (matches(view, row) || (row->parent && matches(view, row->parent)))
		return true;
	for (size_t i = 0; row->expanded && i < view->n_rows; i++)
		if (view->rows[i]->parent == row && matches(view, view->rows[i]))
			return true;
	return false;
}

static void find_selected(struct view *view)
{
	if (!view->held)
		view->selected_at = 0;
	for (size_t i = 0; view->held && i < view->n_shown; i++) {
		if (view->shown[i] != view->selected)
			continue;
		view->selected_at = i;
		return;
	}
	if (view->selected_at >= view->n_shown)
		view->selected_at = view->n_shown ? view->n_shown - 1 : 0;
	view->selected = view->n_shown ? view->shown[view->selected_at] : NULL;
}

void view_arrange(struct view *view)
{
	if (view->changed)
		find_around(view);
	view->changed = false;
	for (size_t i = 0; i < view->n_rows; i++)
		view->rows[i]->parent = parent_of(view, view->rows[i]);
	view->n_shown = 0;
	for (size_t i = 0; i < view->n_rows; i++)
		if (is_shown(view, view->rows[i]))
			view->shown[view->n_shown++] = view->rows[i];
	if (view->n_shown)
		qsort_r(view->shown, view->n_shown, sizeof(struct view_row *), compare, view);
	find_selected(view);
}

void view_move(struct view *view, long by)
{
	long at = (long)view->selected_at + by, last = (long)view->n_shown - 1;

	if (!view->n_shown)
		return;
	view->selected_at = (size_t)(at < 0 ? 0 : at > last ? last : at);
	view->selected = view->shown[view->selected_at];
	view->held = true;
}

void view_move_first(struct view *view)
{
	view->held = false;
	find_selected(view);
}

void view_scroll(struct view *view, size_t page)
{
	view->page = page;
	if (view->selected_at < view->top)
		view->top = view->selected_at;
	if (page && view->selected_at >= view->top + page)
		view->top = view->selected_at - page + 1;
	/* no empty lines below as long as there is something above */
	if (view->top + page > view->n_shown)
		view->top = view->n_shown > page ? view->n_shown - page : 0;
}

void view_sort_next(struct view *view, int by)
{
	view->sort = (enum view_column)(((int)view->sort + by + VIEW_COLUMNS) % VIEW_COLUMNS);
	view->reverse = false;
}

/* Where the sum around it is not known, a part of it is better than nothing. */
static void add_outermost(const struct view_row *row, size_t figure, int64_t *sum)
{
	int64_t value = *(const int64_t *)((const char *)row + figure);

	if (!is_known(value))
		return;
	for (const struct view_row *around = row->around; around; around = around->around)
		if (is_known(*(const int64_t *)((const char *)around + figure)))
			return;
	*sum = is_known(*sum) ? *sum + value : value;
}

struct view_totals view_sum(const struct view *view)
{
	struct view_totals totals = { .rss = UNKNOWN, .gap = UNKNOWN, .processes = UNKNOWN };

	for (size_t i = 0; i < view->n_rows; i++) {
		const struct view_row *row = view->rows[i];

		totals.targets += !row->parent;
		add_outermost(row, offsetof(struct view_row, rss), &totals.rss);
		add_outermost(row, offsetof(struct view_row, gap), &totals.gap);
		add_outermost(row, offsetof(struct view_row, processes), &totals.processes);
	}
	return totals;
}

const char *view_column_name(enum view_column column)
{
	static const char *const names[VIEW_COLUMNS] = {
		[VIEW_TARGET] = "TARGET", [VIEW_VERDICT] = "VERDICT", [VIEW_ALLOC] = "ALLOC", [VIEW_RSS] = "RSS", [VIEW_GAP] = "GAP",
		[VIEW_PERCENT] = "GAP%", [VIEW_CGROUP] = "CGROUP", [VIEW_LIMIT] = "LIMIT", [VIEW_TRIMMABLE] = "TRIMMABLE",
	};

	return names[column];
}
