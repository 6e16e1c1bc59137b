// SPDX-License-Identifier: GPL-2.0-only
/* memgap watch: prints what a session sees, and records it; says at the end what was. */
#include <inttypes.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/units.h"
#include "user/cmd/command_table.h"
#include "user/cmd/display.h"
#include "user/cmd/recording.h"
#include "user/cmd/session.h"
#include "user/output/tee.h"

struct watch {
	struct watch_options options;
	struct session session;
	struct display display;
	struct recording *recording; /* or NULL */
	struct tee_output tee;       /* to both */
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
	if (watch->recording)
		output_interval(recording_output(watch->recording));
}

static int flush(void *data)
{
	struct watch *watch = data;

	recording_flush(watch->recording);
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

/* stdout, and the recording if one is wanted. */
static int open_outputs(struct watch *watch, struct error *err)
{
	if (display_open(&watch->display, STDOUT_FILENO))
		return error_set(err, EXIT_FAILED, "out of memory");
	if (!watch->options.record)
		return 0;
	if (recording_open(watch->options.record, &watch->recording, err))
		return -1;
	tee_output_init(&watch->tee, &watch->display.output, recording_output(watch->recording));
	return 0;
}

static int start(struct watch *watch, struct error *err)
{
	struct session_user user = { .started = choose_format, .interval = print_interval, .flush = flush, .data = watch };

	if (open_outputs(watch, err))
		return -1;
	user.output = watch->recording ? &watch->tee.output : &watch->display.output;
	if (!session_open(&watch->session, &watch->options, &user, err))
		return 0;
	recording_discard(watch->recording);
	watch->recording = NULL;
	return -1;
}

static void run(struct watch *watch)
{
	struct error err;

	/* names are printed as UTF-8 whatever the locale: for their width in a table */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (start(watch, &err)) {
		log_message("%s", err.text);
		watch->session.status = err.status;
	} else {
		session_run(&watch->session);
		summarize(&watch->session);
	}
}

/* When the session is closed: a trim that was still being measured is in it. */
static void end_recording(struct watch *watch)
{
	if (!recording_close(watch->recording) && watch->session.status == EXIT_DONE)
		watch->session.status = EXIT_FAILED;
}

int cmd_watch(int argc, char *argv[])
{
	struct watch watch = { .display.failed = false };
	struct error err;
	bool closed;

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
	closed = session_close(&watch.session);
	end_recording(&watch);
	if (!closed)
		_exit((int)watch.session.status);
	display_close(&watch.display);
	watch_options_free(&watch.options);
	return (int)watch.session.status;
}
