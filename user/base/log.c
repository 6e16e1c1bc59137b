// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/outlet.h"
#include "user/base/text.h"

static bool debug_enabled;

/* Where stderr is not to be written to. */
static void (*_Atomic diverted)(const char *text, void *data);
static void *diverted_data;

void log_init(void)
{
	debug_enabled = getenv("MEMGAP_DEBUG") != NULL;
}

bool log_debug_enabled(void)
{
	return debug_enabled;
}

void log_divert(void (*take)(const char *text, void *data), void *data)
{
	if (take)
		diverted_data = data;
	diverted = take;
}

static void print(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

static void print(const char *format, va_list args)
{
	char text[1024], line[sizeof(text) + sizeof("memgap: \n")];
	void (*take)(const char *text, void *data) = diverted;

	vsnprintf(text, sizeof(text), format, args);
	if (take) {
		take(text, diverted_data);
		return;
	}
	snprintf(line, sizeof(line), "memgap: %s\n", text_make_printable(text));
	outlet_write(STDERR_FILENO, line, strlen(line));
}

void log_message(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(format, args);
	va_end(args);
}

void log_debug(const char *format, ...)
{
	va_list args;

	if (!debug_enabled)
		return;
	va_start(args, format);
	print(format, args);
	va_end(args);
}
