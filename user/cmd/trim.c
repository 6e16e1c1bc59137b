// SPDX-License-Identifier: GPL-2.0-only
/* memgap trim: looks into the targets, has each trimmed once, and says what came back. */
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/units.h"
#include "user/cmd/candidates.h"
#include "user/cmd/command_table.h"
#include "user/cmd/display.h"
#include "user/cmd/interval.h"
#include "user/cmd/regrowth.h"
#include "user/cmd/sample.h"
#include "user/cmd/session.h"
#include "user/cmd/trim_command_options.h"

/* For so long the looks into the targets are waited for: heaps of some 10 GiB. */
#define LOOKS_NS 30000000000ULL

struct trim_run {
	struct trim_command_options options;
	struct session session;
	struct display display;
	struct output_format format; /* the one that was asked for, of trims alone */
	bool asked;
	size_t n_asked; /* of the targets: others may have gone before */
};

static void leave_out(struct output *output, const struct snapshot *snapshot)
{
	(void)output;
	(void)snapshot;
}

static void choose_format(void *data)
{
	struct trim_run *run = data;

	run->format = *run->options.watch.format;
	run->format.snapshot = leave_out;
	run->format.interval = NULL;
	run->display.output.format = &run->format;
}

/* Whoever can be has been looked into. */
static bool all_seen(struct targets *targets)
{
	for (size_t i = 0; i < targets->n_processes; i++) {
		struct watched_process *process = targets->processes[i];

		if (!process->survey.at_ns && interval_status(targets, process) && is_known(reading_held(&process->reading)))
			return false;
	}
	return true;
}

static void trim_row(struct trim_run *run, struct row *row)
{
	struct targets *targets = &run->session.targets;
	struct candidates_request request = { targets, row };
	struct trim_source source = { list_candidates, open_row_cgroup, &request, targets->hierarchy.version };
	struct snapshot snapshot;
	char name[TARGET_PATH_MAX];

	sample_row(targets, row, run->session.start_ns, &snapshot);
	if (snapshot.allocator.awaited)
		log_message("%s: not all of it could be looked into in time", format_target(name, sizeof(name), &snapshot.target));
	trimmer_trim(&row->trimmer, &snapshot, &source);
}

/* At each of the session's short intervals: begins when all is known, ends when all is measured. */
static void go_on(void *data)
{
	struct trim_run *run = data;
	struct session *session = &run->session;
	struct targets *targets = &session->targets;

	if (run->asked) {
		if (!session->trims.running && !regrowth_pending(session->trims.regrowth))
			loop_stop(&session->loop);
		return;
	}
	if (!all_seen(targets) && monotonic_ns() - session->start_ns < LOOKS_NS)
		return;
	run->asked = true;
	run->n_asked = targets->n_rows;
	for (size_t i = 0; i < targets->n_rows; i++)
		trim_row(run, targets->rows[i]);
}

static int flush(void *data)
{
	struct trim_run *run = data;

	return display_flush(&run->display);
}

/* Whether each target was trimmed, or had nothing to come back; some may have gone since. */
static bool all_done(const struct trim_run *run)
{
	return run->asked && run->n_asked == run->session.n_targets && !run->session.trims.undone;
}

static void run_session(struct trim_run *run)
{
	struct session_user user = { .output = &run->display.output, .started = choose_format, .interval = go_on, .flush = flush, .data = run,
				     .stays = true /* until all is measured, and looked at again */ };
	struct session *session = &run->session;
	struct error err;

	setlocale(LC_CTYPE, "C.UTF-8");
	if (display_open(&run->display, STDOUT_FILENO)) {
		log_message("out of memory");
		session->status = EXIT_FAILED;
	} else if (session_open(session, &run->options.watch, &user, &err)) {
		log_message("%s", err.text);
		session->status = err.status;
	} else {
		session_run(session);
		if (session->status == EXIT_DONE && !all_done(run))
			session->status = EXIT_FAILED;
	}
}

int cmd_trim(int argc, char *argv[])
{
	struct trim_run run = { .asked = false };
	struct error err;

	if (trim_command_options_parse(argc, argv, &run.options, &err)) {
		log_message("%s", err.text);
		return (int)err.status;
	}
	if (run.options.help) {
		fputs(trim_usage, stdout);
		trim_command_options_free(&run.options);
		return EXIT_DONE;
	}
	session_init(&run.session);
	run_session(&run);
	if (!session_close(&run.session))
		_exit((int)run.session.status);
	display_close(&run.display);
	trim_command_options_free(&run.options);
	return (int)run.session.status;
}
