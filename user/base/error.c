// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *err, enum exit_status status, const char *format, ...)
{
	va_list args;

	err->status = status;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return -1;
}
