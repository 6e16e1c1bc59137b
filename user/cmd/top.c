// SPDX-License-Identifier: GPL-2.0-only
/* memgap top: shows what a session sees on the whole screen, and takes keys. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/text_stream.h"
#include "user/cmd/command_table.h"
#include "user/cmd/sample.h"
#include "user/cmd/top.h"
#include "user/cmd/top_options.h"
#include "user/output/line.h"

static struct top *top_of(struct output *output)
{
	return (struct top *)output;
}

void top_tell(struct top *top, const char *format, ...)
{
	char text[MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	messages_add(&top->messages, time(NULL), text);
}

static void take_log(const char *text, void *data)
{
	struct top *top = data;

	messages_add(&top->messages, time(NULL), text);
}

static void draw_screen(struct top *top)
{
	time_t now = time(NULL);
	struct tm when;

	strftime(top->page.clock, sizeof(top->page.clock), "%T", localtime_r(&now, &when));
	page_draw(&top->page, &top->canvas);
	screen_show(&top->screen, &top->canvas);
}

static void add(struct output *output, const struct snapshot *snapshot)
{
	struct top *top = top_of(output);

	if (!top->page.paused)
		view_add(&top->view, snapshot);
}

/* The sentence that the line format has for it, if it has one. */
static void tell_line(struct top *top, void (*print)(struct output *, const struct trim_event *), const struct trim_event *event,
		      const struct trim_regrowth *regrowth)
{
	struct output line = { .format = &output_line };
	struct text_stream texts;
	char *text;

	if (text_stream_open(&texts))
		return;
	line.stream = texts.stream;
	if (print)
		print(&line, event);
	else
		line_trim_regrown(&line, regrowth);
	if (!text_stream_end(&texts, &text, NULL) && *text)
		messages_add(&top->messages, time(NULL), text);
	free(text);
}

static void trim_triggered(struct output *output, const struct trim_event *event)
{
	tell_line(top_of(output), line_trim_triggered, event, NULL);
}

static void trim_ended(struct output *output, const struct trim_event *event)
{
	tell_line(top_of(output), line_trim_ended, event, NULL);
}

static void trim_regrown(struct output *output, const struct trim_regrowth *regrowth)
{
	tell_line(top_of(output), NULL, NULL, regrowth);
}

static const struct output_format output_top = {
	.name = "top",
	.snapshot = add,
	.trim_triggered = trim_triggered,
	.trim_ended = trim_ended,
	.trim_regrown = trim_regrown,
};

static void end_interval(void *data)
{
	struct top *top = data;

	top_follow(top);
	if (!top->page.paused)
		view_end_interval(&top->view);
}

static int draw(void *data)
{
	draw_screen(data);
	return 0;
}

static void take_keys(void *data)
{
	struct top *top = data;
	bool any = false;
	struct key key;

	while (!top->session.loop.stopped && screen_read(&top->screen, &key)) {
		top_key(top, key);
		any = true;
	}
	if (!any && screen_is_gone(&top->screen))
		loop_stop(&top->session.loop);
	draw_screen(top);
}

static void take_signal(void *data)
{
	struct top *top = data;
	struct signalfd_siginfo info;

	if (read(top->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		session_end(&top->session);
		return;
	}
	screen_fit(&top->screen, &top->canvas);
	draw_screen(top);
}

static int open_signals(struct top *top)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGWINCH);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	top->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return top->signal_fd < 0 || !loop_add(&top->session.loop, top->signal_fd, take_signal, top) ||
	       !loop_add(&top->session.loop, STDIN_FILENO, take_keys, top) ? -errno : 0;
}

/* What is known before the first interval is over. */
static void look(struct top *top)
{
	struct targets *targets = &top->session.targets;
	struct snapshot snapshot;

	for (size_t i = 0; i < targets->n_rows; i++)
		if (!sample_row(targets, targets->rows[i], top->session.start_ns, &snapshot))
			view_add(&top->view, &snapshot);
	view_end_interval(&top->view);
}

static int open_parts(struct top *top, struct error *err)
{
	int result;

	result = open_signals(top);
	if (result)
		return error_set(err, EXIT_FAILED, "cannot set up the event loop: %s", strerror(-result));
	look(top);
	if (screen_open(&top->screen, err))
		return -1;
	log_divert(take_log, top);
	if (screen_fit(&top->screen, &top->canvas))
		return error_set(err, EXIT_FAILED, "out of memory");
	top->canvas.ascii = !top->screen.utf8;
	top->page.ascii = !top->screen.blocks;
	return 0;
}

static int run(struct top *top, struct error *err)
{
	struct session_user user = { .output = &top->output, .interval = end_interval, .flush = draw, .data = top, .stays = true };

	if (screen_check(&top->screen, err) || session_open(&top->session, &top->options, &user, err) || open_parts(top, err))
		return -1;
	draw_screen(top);
	session_run(&top->session);
	return 0;
}

/* Whatever is open; false: only _exit() is left. */
static bool close_all(struct top *top)
{
	bool closed;

	screen_close(&top->screen);
	log_divert(NULL, NULL);
	closed = session_close(&top->session);
	if (top->signal_fd >= 0)
		close(top->signal_fd);
	if (!closed)
		return false;
	canvas_free(&top->canvas);
	view_free(&top->view);
	messages_close(&top->messages);
	return true;
}

static int show(struct top *top)
{
	struct error err;
	int status;

	session_init(&top->session);
	view_init(&top->view);
	top->output.format = &output_top;
	top->page.view = &top->view;
	top->page.messages = &top->messages;
	if (messages_open(&top->messages)) {
		log_message("out of memory");
		return EXIT_FAILED;
	}
	if (run(top, &err)) {
		screen_close(&top->screen);
		log_divert(NULL, NULL);
		log_message("%s", err.text);
		top->session.status = err.status;
	}
	status = (int)top->session.status;
	if (!close_all(top))
		_exit(status);
	return status;
}

int cmd_top(int argc, char *argv[])
{
	static struct top top = { .signal_fd = -1 }; /* the second half of a megabyte is not for a stack */
	struct error err;
	int status = EXIT_DONE;

	if (top_options_parse(argc, argv, &top.options, &err)) {
		log_message("%s", err.text);
		return (int)err.status;
	}
	if (top.options.help)
		fputs(top_usage, stdout);
	else
		status = show(&top);
	watch_options_free(&top.options);
	return status;
}
