// SPDX-License-Identifier: GPL-2.0-only
#include "user/screen/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/units.h"
#include "user/screen/layout.h"

/* So many lines a screen must have for these to be shown. */
#define HEIGHT_OF_KEYS 3
#define HEIGHT_OF_TOTALS 4
#define HEIGHT_OF_HEAD 5
#define HEIGHT_OF_WHY 7
#define HEIGHT_OF_MESSAGE 9
#define HEIGHT_OF_LONG_WHY 16

static const char keys[] = "h help  / filter  s sort  r reverse  Enter open  t trim  p pause  l log  q quit";

static const char *const help[] = {
	"Up Down k j PgUp PgDn Home End   select a target",
	"s F6                             choose the column to sort by: Left, Right, Enter",
	"< >                              sort by the column to the left, to the right",
	"r                                reverse the order",
	"/ F4                             show only targets with this text in their name, or this verdict",
	"Enter Space + -                  show the processes of a cgroup, or hide them",
	"t                                have the selected target trimmed once, after a question",
	"F                                the same although its verdict says that it cannot help",
	"p                                pause: what is shown stays as it is",
	"l                                show the last messages, or hide them",
	"h ? F1                           this help; any key ends it",
	"q F10                            quit",
	"",
	"ALLOC   handed out by the allocator and not yet freed",
	"RSS     of the processes in memory",
	"GAP     held in memory and not in ALLOC",
	"GAP%    of what is held",
	"CGROUP  charged to the memory cgroup; LIMIT: of it or of one above",
	"TRIMMABLE  what a trim is expected to bring",
	"ALLOC/t RSS/t  both over time, in the same measure, now at the right",
};

size_t page_help_lines(void)
{
	return sizeof(help) / sizeof(help[0]);
}

/* The next part of the first line, if it fits. */
static void put_part(struct canvas *canvas, int *column, enum style style, const char *text)
{
	int width = (int)text_width(text);

	if (*column + width > canvas->width)
		return;
	canvas_put(canvas, 0, *column, width, style, text);
	*column += width + 2;
}

static void draw_totals(const struct page *page, struct canvas *canvas)
{
	const struct view *view = page->view;
	struct view_totals totals = view_sum(view);
	char text[VIEW_FILTER_MAX + 64], bytes[BYTES_TEXT_MAX];
	int column = 0;

	canvas_style_line(canvas, 0, STYLE_BAR);
	put_part(canvas, &column, STYLE_BAR, page->clock);
	if (page->paused)
		put_part(canvas, &column, STYLE_BAR, "PAUSED");
	if (*view->filter) {
		snprintf(text, sizeof(text), "filter: %s", view->filter);
		put_part(canvas, &column, STYLE_BAR, text);
	}
	snprintf(text, sizeof(text), "%zu target%s", totals.targets, totals.targets == 1 ? "" : "s");
	put_part(canvas, &column, STYLE_BAR, text);
	snprintf(text, sizeof(text), "RSS %s", format_bytes(bytes, totals.rss));
	put_part(canvas, &column, STYLE_BAR, text);
	snprintf(text, sizeof(text), "gap %s", format_bytes(bytes, totals.gap));
	put_part(canvas, &column, STYLE_BAR, text);
	snprintf(text, sizeof(text), "%" PRId64 " process%s", totals.processes, totals.processes == 1 ? "" : "es");
	if (is_known(totals.processes))
		put_part(canvas, &column, STYLE_BAR, text);
	snprintf(text, sizeof(text), "sorted by %s%s", view_column_name(view->sort), view->reverse ? ", reversed" : "");
	put_part(canvas, &column, STYLE_BAR, text);
	if (view->short_of_memory)
		put_part(canvas, &column, STYLE_BAR, "out of memory: rows are missing");
}

/* As many words as fit, so many lines. */
static void put_wrapped(struct canvas *canvas, int line, int lines, enum style style, const char *text)
{
	while (lines-- > 0 && *text) {
		size_t n = text_head(text, (size_t)canvas->width), cut = n;
		char part[WHY_MAX + TARGET_PATH_MAX];

		while (text[n] && lines && cut && text[cut] != ' ')
			cut--;
		n = cut ? cut : n ? n : strlen(text);
		snprintf(part, sizeof(part), "%.*s", (int)n, text);
		canvas_put(canvas, line++, 0, canvas->width, style, part);
		text += n;
		text += *text == ' ';
	}
}

static void draw_why(const struct page *page, struct canvas *canvas, int line, int lines)
{
	const struct view_row *row = page->view->selected;
	char text[TARGET_PATH_MAX + WHY_MAX + 8];

	if (!row)
		return;
	snprintf(text, sizeof(text), "%s: %s: %s", row->parent ? row->short_name : row->name, verdict_name(row->verdict), row->why);
	put_wrapped(canvas, line, lines, STYLE_PLAIN, text);
}

static void put_message(struct canvas *canvas, int line, const struct message *message)
{
	char text[MESSAGE_MAX + 16];
	struct tm when;

	localtime_r(&message->when, &when);
	snprintf(text, sizeof(text), "%02d:%02d:%02d %s", when.tm_hour, when.tm_min, when.tm_sec, message->text);
	canvas_put(canvas, line, 0, canvas->width, STYLE_PLAIN, text);
}

static void draw_log(const struct page *page, struct canvas *canvas, int line, int lines)
{
	struct message message;

	canvas_style_line(canvas, line, STYLE_BAR);
	canvas_put(canvas, line, 0, canvas->width, STYLE_BAR, messages_count(page->messages) ? "messages" : "no messages yet");
	/* the newest in the last line */
	for (int i = 1; i < lines; i++)
		if (messages_get(page->messages, (size_t)(lines - 1 - i), &message))
			put_message(canvas, line + i, &message);
}

static void draw_table(struct page *page, struct canvas *canvas, int line, int lines, bool headed)
{
	struct view *view = page->view;
	struct layout layout = layout_for(view, canvas->width);

	if (headed) {
		layout_draw_head(&layout, view, canvas, line++, page->ascii);
		lines--;
	}
	view_scroll(view, lines > 0 ? (size_t)lines : 0);
	for (int i = 0; i < lines && view->top + (size_t)i < view->n_shown; i++)
		layout_draw_row(&layout, view, view->shown[view->top + (size_t)i], canvas, line + i, page->ascii);
	if (!view->n_shown && lines > 0)
		canvas_put(canvas, line, 0, canvas->width, STYLE_FAINT,
			   view->n_rows ? "nothing matches the filter" : "nothing is left to be watched: q quits");
}

static void draw_help(const struct page *page, struct canvas *canvas, int line, int lines)
{
	for (int i = 0; i < lines && page->help_top + (size_t)i < page_help_lines(); i++)
		canvas_put(canvas, line + i, 0, canvas->width, STYLE_PLAIN, help[page->help_top + (size_t)i]);
}

static void draw_last_line(const struct page *page, struct canvas *canvas)
{
	int line = canvas->height - 1;

	canvas_style_line(canvas, line, STYLE_BAR);
	if (!page->prompt) {
		canvas_put(canvas, line, 0, canvas->width, STYLE_BAR, keys);
		return;
	}
	/* its end is where the answer goes */
	canvas_put(canvas, line, 0, canvas->width, STYLE_BAR, text_tail(page->prompt, (size_t)canvas->width));
}

/* Above the last line, from below: lines that are taken of those that the table could have. */
static int draw_below(struct page *page, struct canvas *canvas, int end)
{
	int height = canvas->height, why = height >= HEIGHT_OF_LONG_WHY ? 2 : height >= HEIGHT_OF_WHY ? 1 : 0;
	struct message message;

	if (height >= HEIGHT_OF_MESSAGE && !page->log && messages_get(page->messages, 0, &message))
		put_message(canvas, --end, &message);
	if (why)
		draw_why(page, canvas, end - why, why);
	return end - why;
}

void page_draw(struct page *page, struct canvas *canvas)
{
	bool last = page->prompt || canvas->height >= HEIGHT_OF_KEYS, totals = canvas->height >= HEIGHT_OF_TOTALS;
	int line = totals ? 1 : 0, end = canvas->height - (last ? 1 : 0), log;

	canvas_clear(canvas);
	if (totals)
		draw_totals(page, canvas);
	if (last)
		draw_last_line(page, canvas);
	if (page->help) {
		draw_help(page, canvas, line, end - line);
		return;
	}
	end = draw_below(page, canvas, end);
	log = !page->log ? 0 : end - line < 6 ? end - line : (end - line) / 2;
	if (log)
		draw_log(page, canvas, end - log, log);
	draw_table(page, canvas, line, end - log - line, canvas->height >= HEIGHT_OF_HEAD && end - log - line > 1);
}
