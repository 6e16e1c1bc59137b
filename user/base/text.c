// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/text.h"

#include <wchar.h>

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Bytes of the character that begins here, and the character itself; 0: it is no UTF-8 (RFC 3629). */
static size_t decode(const char *text, unsigned int *ret_character)
{
	static const unsigned int least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)text[0];
	size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	unsigned int character = length == 1 ? first : first & (0x7fU >> length);

	if (first > 0xf4 || is_continuation(text[0]))
		return 0;
	for (size_t i = 1; i < length; i++) {
		if (!is_continuation(text[i]))
			return 0; /* the end of the text too */
		character = character << 6 | ((unsigned char)text[i] & 0x3f);
	}
	if (character < least[length] || character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
		return 0;
	*ret_character = character;
	return length;
}

/* C0, DEL and C1 (ECMA-48). */
static bool is_control(unsigned int character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

bool text_is_utf8(const char *text)
{
	unsigned int character;

	for (size_t length; *text; text += length) {
		length = decode(text, &character);
		if (!length)
			return false;
	}
	return true;
}

/* Columns of the character that begins here, and its bytes. */
static size_t measure(const char *text, size_t *ret_length)
{
	unsigned int character = '?';
	int width;

	*ret_length = decode(text, &character);
	if (!*ret_length)
		*ret_length = 1;
	width = wcwidth((wchar_t)character);
	return width < 0 ? 1 : (size_t)width;
}

size_t text_width(const char *text)
{
	size_t width = 0;

	for (size_t length; *text; text += length)
		width += measure(text, &length);
	return width;
}

size_t text_head(const char *text, size_t columns)
{
	const char *at = text;

	for (size_t length, width; *at; at += length) {
		width = measure(at, &length);
		if (width > columns)
			break;
		columns -= width;
	}
	return (size_t)(at - text);
}

const char *text_tail(const char *text, size_t columns)
{
	size_t width = text_width(text), length, first;

	while (*text) {
		first = measure(text, &length);
		/* an accent goes with its letter */
		if (width <= columns && first)
			break;
		text += length;
		width -= first;
	}
	return text;
}

char *text_make_printable(char *text)
{
	char *to = text;

	for (const char *from = text; *from;) {
		unsigned int character = 0;
		size_t length = decode(from, &character);

		if (!length || is_control(character)) {
			*to++ = '?';
			from += length ? length : 1;
			continue;
		}
		while (length--)
			*to++ = *from++;
	}
	*to = '\0';
	return text;
}
