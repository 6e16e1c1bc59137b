/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `memgap top` has to show: a row for each target as last seen, which of them are shown, in which order, and which one is
 * selected. Plain data; no terminal, no clock.
 *
 * The selection is of a target, not of a line: once it was moved it stays with it, however the rows are sorted.
 */
#ifndef MEMGAP_SCREEN_VIEW_H
#define MEMGAP_SCREEN_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/gap/snapshot.h"
#include "user/screen/sparkline.h"

/* In the order of the table. */
enum view_column { VIEW_TARGET, VIEW_VERDICT, VIEW_ALLOC, VIEW_RSS, VIEW_GAP, VIEW_PERCENT, VIEW_CGROUP, VIEW_LIMIT, VIEW_TRIMMABLE,
		   VIEW_COLUMNS };

#define VIEW_FILTER_MAX 128

/* Bytes, UNKNOWN where not known. */
struct view_row {
	enum target_kind kind;
	pid_t pid;                   /* 0 for a cgroup */
	char path[TARGET_PATH_MAX];  /* of the cgroup that it is, or is in; "" when not known */
	char name[TARGET_PATH_MAX];  /* as the tables of `memgap watch` have it; printable */
	char short_name[NAME_MAX_TEXT + 16]; /* of a process, below its cgroup */
	char why[WHY_MAX];           /* printable */
	int64_t alloc, rss, gap, current, limit, trimmable, processes;
	double percent;              /* NAN: not known */
	enum verdict verdict;
	bool expanded;               /* a cgroup, whose processes are to be shown */
	struct view_row *around;     /* the nearest one that has it in its sum, or NULL */
	struct view_row *parent;     /* below which it is shown, or NULL */
	struct sparkline_points alloc_points, rss_points;
	uint64_t seen;               /* the interval it was last seen in */
	size_t order;                /* in which it came */
};

struct view {
	struct view_row **rows; /* in the order they came */
	size_t n_rows, room;
	struct view_row **shown; /* in the order they are shown */
	size_t n_shown;
	struct view_row *selected; /* NULL: nothing is shown */
	bool held;              /* it was chosen; else it is the first one, whichever that is */
	size_t selected_at;     /* in shown */
	size_t top;             /* the first one that is on the screen */
	size_t page;            /* rows that the screen has room for; the drawing sets it */
	enum view_column sort;
	bool reverse;           /* the least first */
	char filter[VIEW_FILTER_MAX];
	uint64_t interval;
	size_t hint;            /* where the next snapshot's row is likely to be */
	bool changed;           /* rows came or went */
	bool short_of_memory;   /* a row is missing */
};

/* The largest gap first. */
void view_init(struct view *view);
void view_free(struct view *view);

/* A snapshot of this interval; then the end of it: what was not seen in it is gone. */
void view_add(struct view *view, const struct snapshot *snapshot);
void view_end_interval(struct view *view);
/* Gone before that. */
void view_forget(struct view *view, struct view_row *row);

/* Brings `shown` up to date, after anything of the above, or of the settings, has changed. */
void view_arrange(struct view *view);

/* Moves the selection by so many rows, as far as there are any; to the first one, and it is whichever is first from then on. */
void view_move(struct view *view, long by);
void view_move_first(struct view *view);
/* Scrolls so that the selected row is among `page` rows. */
void view_scroll(struct view *view, size_t page);

/* One column further to the left or right, round the corner; the largest first again. */
void view_sort_next(struct view *view, int by);

/* Whether a process is in this cgroup or below it, as paths tell. */
bool view_is_below(const char *path, const char *cgroup);

/* Sums in which nothing is counted twice, of what is known; UNKNOWN when nothing is. */
struct view_totals {
	size_t targets; /* rows that are targets */
	int64_t rss, gap, processes;
};
struct view_totals view_sum(const struct view *view);

const char *view_column_name(enum view_column column);

#endif
