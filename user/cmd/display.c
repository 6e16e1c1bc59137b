// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/display.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/units.h"

#define USUAL_COLUMNS 80
#define MOST_COLUMNS 65535 /* of struct winsize */

int display_open(struct display *display, int fd)
{
	int result = outlet_open(&display->out, fd);

	display->output.stream = display->out.stream;
	return result;
}

void display_close(struct display *display)
{
	output_close(&display->output);
	outlet_close(&display->out);
}

static bool has_colour(void)
{
	const char *unwanted = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(unwanted && *unwanted) && term && *term && strcmp(term, "dumb") != 0;
}

struct output_terminal terminal_look(int fd)
{
	const char *wanted = getenv("COLUMNS");
	bool is_terminal = isatty(fd);
	struct winsize size;
	int64_t columns;

	if (is_terminal && !ioctl(fd, TIOCGWINSZ, &size) && size.ws_col)
		columns = size.ws_col;
	else if (!wanted || parse_count(wanted, MOST_COLUMNS, &columns))
		columns = is_terminal ? USUAL_COLUMNS : 0;
	return (struct output_terminal){ .columns = (int)columns, .colour = is_terminal && has_colour() };
}

void display_interval(struct display *display)
{
	display->output.terminal = terminal_look(display->out.fd);
	output_interval(&display->output);
}

int display_flush(struct display *display)
{
	int result = outlet_flush(&display->out);

	if (!result)
		result = display->output.error;
	if (!result || display->failed)
		return result;
	display->failed = true;
	if (result == -ECANCELED)
		log_message("stdout is not being read: the last lines are lost");
	else if (result != -EPIPE)
		log_message("cannot write to stdout: %s", strerror(-result));
	return result;
}
