/* SPDX-License-Identifier: GPL-2.0-only */
#include "workload/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int output_line(const char *line)
{
	size_t length = strlen(line);
	ssize_t written = write(STDOUT_FILENO, line, length);

	if (written < 0)
		return -errno;
	/* only a full file system or a file size limit cuts a line short */
	return (size_t)written == length ? 0 : -ENOSPC;
}

int output_format(const char *format, ...)
{
	char line[OUTPUT_LINE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	return output_line(line);
}
