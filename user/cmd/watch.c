// SPDX-License-Identifier: GPL-2.0-only
/* memgap watch: prints what a session sees, and says at the end what was. */
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/units.h"
#include "user/cmd/command_table.h"
#include "user/cmd/display.h"
#include "user/cmd/session.h"

struct watch {
	struct watch_options options;
	struct session session;
	struct display display;
};

/* Once the targets are known. Of a cgroup's processes, or of all cgroups, there may be one now and many later. */
static void choose_format(void *data)
{
	struct watch *watch = data;
	const struct watch_options *options = &watch->options;
	struct output *output = &watch->display.output;
	bool many = watch->session.n_targets > 1 || options->targets.all ||
		    (options->per == PER_PROCESS && options->targets.n_cgroups);

	output->named = many || options->per == PER_PROCESS;
	output->format = options->format ? options->format : many ? &output_table : &output_line;
}

static void print_interval(void *data)
{
	struct watch *watch = data;

	display_interval(&watch->display);
}

static int flush(void *data)
{
	struct watch *watch = data;

	return display_flush(&watch->display);
}

static void summarize(const struct session *session)
{
	char back[BYTES_TEXT_MAX];
	double seconds = (double)(monotonic_ns() - session->start_ns) / 1e9;
	const struct watched_process *command =
		session->targets.command_pid ? targets_find(&session->targets, session->targets.command_pid) : NULL;

	log_message("watched %zu target%s for %.1f s: %" PRId64 " trim%s, %s back, %" PRIu64 " event%s missed",
		    session->n_targets, session->n_targets == 1 ? "" : "s", seconds, session->trims.count,
		    session->trims.count == 1 ? "" : "s", format_bytes(back, session->trims.reclaimed), session->missed,
		    session->missed == 1 ? "" : "s");
	/* never stopped by us */
	if (command)
		log_message("pid %d (%s) goes on", command->id.pid, command->id.comm);
}

static void run(struct watch *watch)
{
	struct session_user user = { .output = &watch->display.output, .started = choose_format, .interval = print_interval, .flush = flush,
				     .data = watch };
	struct error err;

	/* names are printed as UTF-8 whatever the locale: for their width in a table */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (display_open(&watch->display, STDOUT_FILENO)) {
		log_message("out of memory");
		watch->session.status = EXIT_FAILED;
	} else if (session_open(&watch->session, &watch->options, &user, &err)) {
		log_message("%s", err.text);
		watch->session.status = err.status;
	} else {
		session_run(&watch->session);
		summarize(&watch->session);
	}
}

int cmd_watch(int argc, char *argv[])
{
	struct watch watch = { .display.failed = false };
	struct error err;

	if (watch_options_parse(argc, argv, &watch.options, &err)) {
		log_message("%s", err.text);
		return (int)err.status;
	}
	if (watch.options.help) {
		fputs(watch_usage, stdout);
		watch_options_free(&watch.options);
		return EXIT_DONE;
	}
	session_init(&watch.session);
	run(&watch);
	if (!session_close(&watch.session))
		_exit((int)watch.session.status);
	display_close(&watch.display);
	watch_options_free(&watch.options);
	return (int)watch.session.status;
}
