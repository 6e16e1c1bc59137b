// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/error.h"

#include <errno.h>
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

bool error_is_out_of_fds(int number, struct error *err)
{
	if (number != EMFILE && number != ENFILE)
		return false;
	error_set(err, EXIT_HOST, "out of file descriptors: raise the limit (ulimit -n)");
	return true;
}
