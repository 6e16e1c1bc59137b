// SPDX-License-Identifier: GPL-2.0-only
#include "user/screen/keys.h"

#include <curses.h>
#include <limits.h>
#include <string.h>
#include <wchar.h>

#define ESCAPE 0x1b
#define CONTROL(letter) ((letter) & 0x1f)
#define DELETE 0x7f

static const struct {
	bool special;
	unsigned int code;
	enum key_command command;
} commands[] = {
	{ true, KEY_UP, COMMAND_LINE_UP },       { false, 'k', COMMAND_LINE_UP },
	{ true, KEY_DOWN, COMMAND_LINE_DOWN },   { false, 'j', COMMAND_LINE_DOWN },
	{ true, KEY_PPAGE, COMMAND_PAGE_UP },    { false, CONTROL('B'), COMMAND_PAGE_UP },
	{ true, KEY_NPAGE, COMMAND_PAGE_DOWN },  { false, CONTROL('F'), COMMAND_PAGE_DOWN },
	{ true, KEY_HOME, COMMAND_FIRST },       { false, 'g', COMMAND_FIRST },
	{ true, KEY_END, COMMAND_LAST },         { false, 'G', COMMAND_LAST },
	{ false, '<', COMMAND_COLUMN_LEFT },     { false, ',', COMMAND_COLUMN_LEFT },
	{ false, '>', COMMAND_COLUMN_RIGHT },    { false, '.', COMMAND_COLUMN_RIGHT },
	{ true, KEY_F(6), COMMAND_SORT },	     { false, 's', COMMAND_SORT },
	{ false, 'r', COMMAND_REVERSE },	     { false, 'R', COMMAND_REVERSE },
	{ true, KEY_F(4), COMMAND_FILTER },	     { false, '/', COMMAND_FILTER },
	{ true, KEY_ENTER, COMMAND_TOGGLE },     { false, '\r', COMMAND_TOGGLE },
	{ false, '\n', COMMAND_TOGGLE },	     { false, ' ', COMMAND_TOGGLE },
	{ false, '+', COMMAND_EXPAND },	     { false, '=', COMMAND_EXPAND },
	{ true, KEY_RIGHT, COMMAND_EXPAND },     { true, KEY_LEFT, COMMAND_COLLAPSE },
	{ false, '-', COMMAND_COLLAPSE },	     { true, KEY_F(9), COMMAND_TRIM },
	{ false, 't', COMMAND_TRIM },	     { false, 'F', COMMAND_FORCE },
	{ false, 'p', COMMAND_PAUSE },	     { false, 'P', COMMAND_PAUSE },
	{ false, 'l', COMMAND_LOG },	     { false, 'L', COMMAND_LOG },
	{ true, KEY_F(1), COMMAND_HELP },   { false, 'h', COMMAND_HELP },
	{ false, '?', COMMAND_HELP },	     { true, KEY_F(10), COMMAND_QUIT },
	{ false, 'q', COMMAND_QUIT },	     { false, 'Q', COMMAND_QUIT },
	{ false, CONTROL('L'), COMMAND_REDRAW },
};

enum key_command key_command(struct key key)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].special == key.special && commands[i].code == key.code)
			return commands[i].command;
	return COMMAND_NONE;
}

bool key_is_enter(struct key key)
{
	return key.special ? key.code == KEY_ENTER : key.code == '\r' || key.code == '\n';
}

bool key_is_escape(struct key key)
{
	return !key.special && key.code == ESCAPE;
}

static bool is_erase(struct key key)
{
	return key.special ? key.code == KEY_BACKSPACE || key.code == KEY_DC : key.code == DELETE || key.code == CONTROL('H');
}

int key_direction(struct key key)
{
	if (key.special)
		return key.code == KEY_LEFT ? -1 : key.code == KEY_RIGHT;
	return key.code == '<' ? -1 : key.code == '>';
}

static bool append(struct key key, char *text, size_t size)
{
	char bytes[MB_LEN_MAX];
	mbstate_t state = { 0 };
	size_t n, used = strlen(text);

	/* C0, DEL and C1 */
	if (key.special || key.code < ' ' || (key.code >= DELETE && key.code < 0xa0))
		return false;
	n = wcrtomb(bytes, (wchar_t)key.code, &state);
	if (n == (size_t)-1 || used + n >= size)
		return false;
	memcpy(text + used, bytes, n);
	text[used + n] = '\0';
	return true;
}

bool key_edit(struct key key, char *text, size_t size)
{
	size_t n = strlen(text);

	if (!is_erase(key))
		return append(key, text, size);
	/* a character of several bytes goes as a whole */
	while (n && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
		n--;
	text[n ? n - 1 : 0] = '\0';
	return true;
}
