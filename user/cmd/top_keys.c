// SPDX-License-Identifier: GPL-2.0-only
/* What `memgap top` does when a key is pressed. */
#include <stdio.h>
#include <string.h>

#include "user/cmd/top.h"

static void begin(struct top *top, enum top_mode mode)
{
	top->mode = mode;
	top->before = top->view; /* its pointers are not used */
	top->page.help_top = 0;
}

static void say_prompt(struct top *top)
{
	size_t used = 0;

	switch (top->mode) {
	case TOP_FILTER:
		snprintf(top->prompt, sizeof(top->prompt), "filter (Enter keeps it, Escape clears it): %s_", top->view.filter);
		break;
	case TOP_SORT:
		used = (size_t)snprintf(top->prompt, sizeof(top->prompt), "sort by (Left, Right, Enter):");
		for (int i = 0; i < VIEW_COLUMNS; i++)
			used += (size_t)snprintf(top->prompt + used, sizeof(top->prompt) - used,
						 top->view.sort == (enum view_column)i ? " [%s]" : " %s",
						 view_column_name((enum view_column)i));
		break;
	default:
		break;
	}
	top->page.prompt = top->mode == TOP_TABLE || top->mode == TOP_HELP ? NULL : top->prompt;
	top->page.help = top->mode == TOP_HELP;
}

/* A process's cgroup is where it is shown below. */
static void collapse(struct top *top)
{
	struct view_row *row = top->view.selected;

	if (row->parent)
		row = top->view.selected = row->parent;
	top_expand(top, row, false);
}

static void change_rows(struct top *top, enum key_command command)
{
	struct view_row *selected = top->view.selected;

	if (!selected)
		return;
	top->view.held = true;
	if (command == COMMAND_TRIM || command == COMMAND_FORCE)
		top_ask_trim(top, command == COMMAND_FORCE);
	else if (command == COMMAND_COLLAPSE || (command == COMMAND_TOGGLE && selected->expanded))
		collapse(top);
	else
		top_expand(top, selected, true);
}

static void move(struct top *top, enum key_command command)
{
	struct view *view = &top->view;
	long page = view->page > 1 ? (long)view->page - 1 : 1, all = (long)view->n_shown;
	long by = command == COMMAND_LINE_UP ? -1 : command == COMMAND_LINE_DOWN ? 1 : command == COMMAND_PAGE_UP ? -page :
		  command == COMMAND_PAGE_DOWN ? page : all;

	if (command == COMMAND_FIRST)
		view_move_first(view);
	else
		view_move(view, by);
}

static void obey(struct top *top, enum key_command command)
{
	switch (command) {
	case COMMAND_COLUMN_LEFT:
	case COMMAND_COLUMN_RIGHT:
		view_sort_next(&top->view, command == COMMAND_COLUMN_LEFT ? -1 : 1);
		break;
	case COMMAND_REVERSE:
		top->view.reverse = !top->view.reverse;
		break;
	case COMMAND_SORT:
		begin(top, TOP_SORT);
		break;
	case COMMAND_FILTER:
		begin(top, TOP_FILTER);
		break;
	case COMMAND_HELP:
		begin(top, TOP_HELP);
		break;
	case COMMAND_PAUSE:
		top->page.paused = !top->page.paused;
		break;
	case COMMAND_LOG:
		top->page.log = !top->page.log;
		break;
	case COMMAND_REDRAW:
		screen_forget(&top->screen);
		break;
	case COMMAND_QUIT:
		loop_stop(&top->session.loop);
		break;
	case COMMAND_NONE:
		break;
	case COMMAND_EXPAND:
	case COMMAND_COLLAPSE:
	case COMMAND_TOGGLE:
	case COMMAND_TRIM:
	case COMMAND_FORCE:
		change_rows(top, command);
		break;
	default:
		move(top, command);
	}
}

static void edit_filter(struct top *top, struct key key)
{
	if (key_is_escape(key)) {
		top->view.filter[0] = '\0';
		top->mode = TOP_TABLE;
	} else if (key_is_enter(key)) {
		top->mode = TOP_TABLE;
	} else if (!key_edit(key, top->view.filter, sizeof(top->view.filter)) && key.special) {
		obey(top, key_command(key)); /* the rows can be looked at meanwhile */
	}
}

static void choose_order(struct top *top, struct key key)
{
	if (key_is_escape(key)) {
		top->view.sort = top->before.sort;
		top->view.reverse = top->before.reverse;
		top->mode = TOP_TABLE;
	} else if (key_direction(key)) {
		view_sort_next(&top->view, key_direction(key));
	} else {
		top->mode = TOP_TABLE;
	}
}

/* Whatever is not a yes is a no. */
static void answer(struct top *top, struct key key)
{
	top->mode = TOP_TABLE;
	if (!key.special && (key.code == 'y' || key.code == 'Y'))
		top_trim(top);
	else
		top_tell(top, "not trimmed: it was not confirmed");
}

static void read_help(struct top *top, struct key key)
{
	enum key_command command = key_command(key);

	if (command == COMMAND_LINE_DOWN && top->page.help_top + 1 < page_help_lines())
		top->page.help_top++;
	else if (command == COMMAND_LINE_UP && top->page.help_top)
		top->page.help_top--;
	else if (command != COMMAND_LINE_UP && command != COMMAND_LINE_DOWN)
		top->mode = TOP_TABLE;
}

void top_key(struct top *top, struct key key)
{
	switch (top->mode) {
	case TOP_FILTER:
		edit_filter(top, key);
		break;
	case TOP_SORT:
		choose_order(top, key);
		break;
	case TOP_CONFIRM:
		answer(top, key);
		break;
	case TOP_HELP:
		read_help(top, key);
		break;
	default:
		/* Escape clears a filter that was kept, too */
		if (key_is_escape(key))
			top->view.filter[0] = '\0';
		else
			obey(top, key_command(key));
	}
	view_arrange(&top->view);
	say_prompt(top);
}
