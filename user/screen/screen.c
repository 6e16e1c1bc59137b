// SPDX-License-Identifier: GPL-2.0-only
#include "user/screen/screen.h"

#include <curses.h>
#include <term.h>

#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "user/screen/restore.h"

/* A lone Escape is known for one after so long; what a terminal sends for a key comes at once. */
#define ESCAPE_MS 25

/* Whether the environment asks for UTF-8, in the order that setlocale() looks. */
static bool wants_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return strcasestr(value, "UTF-8") || strcasestr(value, "UTF8");
	}
	return false;
}

static void take_locale(struct screen *screen)
{
	const char *term = getenv("TERM");

	/* one that is asked for, but is not installed, is UTF-8 all the same */
	if (!setlocale(LC_CTYPE, "") && wants_utf8())
		setlocale(LC_CTYPE, "C.UTF-8");
	screen->utf8 = !strcasecmp(nl_langinfo(CODESET), "UTF-8");
	if (!screen->utf8)
		setlocale(LC_CTYPE, "C");
	/* the kernel's console has a font of 256 or 512 characters */
	screen->blocks = screen->utf8 && term && strncmp(term, "linux", strlen("linux")) && strncmp(term, "vt", strlen("vt"));
}

static bool can(const char *capability)
{
	const char *text = tigetstr(capability);

	return text && text != (char *)-1;
}

int screen_check(struct screen *screen, struct error *err)
{
	const char *term = getenv("TERM");
	int result = 0;

	*screen = (struct screen){ .open = false };
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return error_set(err, EXIT_USAGE, "%s is not a terminal, which top needs: `memgap watch -o table` prints the same figures",
				 isatty(STDIN_FILENO) ? "stdout" : "stdin");
	if (!term || !*term)
		return error_set(err, EXIT_HOST, "TERM is not set, so it is not known what this terminal can do: `export TERM=xterm`, or "
				 "use `memgap watch`");
	if (setupterm(NULL, STDOUT_FILENO, &result) != OK || !can("cup") || !can("clear"))
		return error_set(err, EXIT_HOST, "TERM is '%.64s', %s: `export TERM=xterm` if it is like one, or use `memgap watch`", term,
				 result == 0 ? "which is not known here" : result < 0 ? "but there is no terminfo database" :
				 "which cannot place text on a screen");
	take_locale(screen);
	return 0;
}

static bool wants_colour(void)
{
	const char *unwanted = getenv("NO_COLOR");

	return !(unwanted && *unwanted);
}

static void take_colours(struct screen *screen)
{
	static const short colours[STYLE_COUNT] = {
		[STYLE_RED] = COLOR_RED, [STYLE_YELLOW] = COLOR_YELLOW, [STYLE_GREEN] = COLOR_GREEN, [STYLE_CYAN] = COLOR_CYAN,
	};

	screen->colour = wants_colour() && has_colors() && start_color() == OK;
	if (!screen->colour)
		return;
	use_default_colors();
	for (int i = STYLE_RED; i < STYLE_COUNT; i++)
		init_pair((short)i, colours[i], -1);
}

int screen_open(struct screen *screen, struct error *err)
{
	restore_remember(STDIN_FILENO, STDOUT_FILENO);
	if (!newterm(NULL, stdout, stdin)) {
		restore_now();
		restore_forget();
		return error_set(err, EXIT_FAILED, "cannot take over the terminal");
	}
	screen->open = true;
	cbreak();
	noecho();
	nonl();
	intrflush(stdscr, FALSE);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	take_colours(screen);
	return 0;
}

void screen_close(struct screen *screen)
{
	if (!screen->open)
		return;
	screen->open = false;
	restore_output(STDOUT_FILENO);
	endwin();
	restore_forget();
}

int screen_fit(struct screen *screen, struct canvas *canvas)
{
	struct winsize size;

	(void)screen;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
	clearok(curscr, TRUE);
	return canvas_resize(canvas, COLS, LINES);
}

void screen_forget(struct screen *screen)
{
	(void)screen;
	clearok(curscr, TRUE);
}

static attr_t attributes_of(const struct screen *screen, const struct cell *cell)
{
	static const attr_t plain[STYLE_COUNT] = { [STYLE_BOLD] = A_BOLD, [STYLE_FAINT] = A_DIM, [STYLE_BAR] = A_REVERSE };
	attr_t attributes = plain[cell->style];

	if (screen->colour && cell->style >= STYLE_RED)
		attributes |= (attr_t)COLOR_PAIR(cell->style);
	return cell->marked ? attributes | A_REVERSE : attributes;
}

static void show_line(const struct screen *screen, const struct canvas *canvas, int line)
{
	const struct cell *cells = &canvas->cells[(size_t)line * (size_t)canvas->width];

	for (int i = 0; i < canvas->width; i++) {
		if (!cells[i].text[0])
			continue; /* the second half of a wide one */
		attrset((int)attributes_of(screen, &cells[i]));
		mvaddstr(line, i, cells[i].text);
	}
}

static bool takes_output(void)
{
	struct pollfd fd = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT);
}

void screen_show(struct screen *screen, const struct canvas *canvas)
{
	if (!screen->open || !takes_output())
		return;
	erase();
	for (int line = 0; line < canvas->height; line++)
		show_line(screen, canvas, line);
	attrset(A_NORMAL);
	refresh();
}

bool screen_read(struct screen *screen, struct key *ret)
{
	wint_t code;
	int result = screen->open ? get_wch(&code) : ERR;

	if (result == ERR)
		return false;
	*ret = (struct key){ result == KEY_CODE_YES, code };
	return true;
}

bool screen_is_gone(const struct screen *screen)
{
	struct pollfd fd = { .fd = STDIN_FILENO };

	(void)screen;
	return poll(&fd, 1, 0) == 1 && (fd.revents & (POLLHUP | POLLERR | POLLNVAL));
}
