// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/text.h"

char *text_make_printable(char *text)
{
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return text;
}
