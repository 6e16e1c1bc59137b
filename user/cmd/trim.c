// SPDX-License-Identifier: GPL-2.0-only
/* memgap trim: looks into the targets, has each trimmed once, and says what came back. */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/outlet.h"
#include "user/base/units.h"
#include "user/cmd/candidates.h"
#include "user/cmd/command_table.h"
#include "user/cmd/display.h"
#include "user/cmd/interval.h"
#include "user/cmd/names.h"
#include "user/cmd/regrowth.h"
#include "user/cmd/sample.h"
#include "user/cmd/stop_signals.h"
#include "user/cmd/surveyor.h"
#include "user/cmd/targets.h"
#include "user/cmd/trim_command_options.h"
#include "user/cmd/trims.h"

/* How often it is seen whether all have been looked into, and for how long that is waited for: heaps of some 10 GiB. */
#define LOOK_EVERY_NS 20000000ULL
#define LOOKS_NS 30000000000ULL

struct trim_run {
	struct trim_command_options options;
	struct targets targets;
	struct trimmer_context trims;
	struct loop loop;
	struct display display;
	uint64_t start_ns;
	bool looking; /* into what is to be trimmed */
	enum exit_status status;
	int timer_fd, signal_fd;
};

static bool flush(struct trim_run *run)
{
	int result = display_flush(&run->display);

	if (!result)
		return true;
	if (result != -EPIPE)
		run->status = EXIT_FAILED;
	loop_stop(&run->loop);
	return false;
}

/* Whoever holds something has been looked into. */
static bool all_seen(struct trim_run *run)
{
	for (size_t i = 0; i < run->targets.n_processes; i++) {
		struct watched_process *process = run->targets.processes[i];

		if (!process->survey.at_ns && interval_status(&run->targets, process))
			return false;
	}
	return true;
}

static void stop_if_done(struct trim_run *run)
{
	if (!run->looking && !run->trims.running && !regrowth_pending(run->trims.regrowth))
		loop_stop(&run->loop);
}

static void trim_row(struct trim_run *run, struct row *row)
{
	struct candidates_request request = { &run->targets, row };
	struct trim_source source = { list_candidates, open_row_cgroup, &request, run->targets.hierarchy.version };
	struct snapshot snapshot;
	char name[TARGET_PATH_MAX];

	sample_row(&run->targets, row, run->start_ns, &snapshot);
	if (snapshot.allocator.awaited && !run->options.watch.trim.forced)
		log_message("%s: not all of it could be looked into in time", format_target(name, sizeof(name), &snapshot.target));
	trimmer_trim(&row->trimmer, &snapshot, &source);
}

static void look(void *data)
{
	struct trim_run *run = data;

	timer_take(run->timer_fd);
	if (!run->looking)
		return;
	interval_begin(&run->targets);
	if (run->targets.tree)
		targets_scan(&run->targets);
	surveyor_tick(run->targets.surveyor);
	if (!all_seen(run) && monotonic_ns() - run->start_ns < LOOKS_NS)
		return;
	run->looking = false;
	interval_begin(&run->targets);
	for (size_t i = 0; i < run->targets.n_rows; i++)
		trim_row(run, run->targets.rows[i]);
	if (flush(run))
		stop_if_done(run);
}

static void measured(void *data)
{
	struct trim_run *run = data;

	if (flush(run))
		stop_if_done(run);
}

static void interrupted(void *data)
{
	struct trim_run *run = data;
	struct signalfd_siginfo info;

	if (read(run->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	outlet_stop();
	loop_stop(&run->loop);
}

static int open_loop(struct trim_run *run, struct error *err)
{
	bool complete;

	run->signal_fd = stop_signals_open();
	outlet_set_stop_fd(run->signal_fd);
	run->timer_fd = timer_open(0, LOOK_EVERY_NS);
	complete = !loop_open(&run->loop) && run->signal_fd >= 0 && run->timer_fd >= 0 &&
		   loop_add(&run->loop, run->timer_fd, look, run) && loop_add(&run->loop, run->signal_fd, interrupted, run);
	return complete ? 0 : error_set(err, EXIT_FAILED, "cannot set up the event loop: %s", strerror(errno));
}

static int open_all(struct trim_run *run, struct error *err)
{
	struct targets *targets = &run->targets;
	struct watch_options *options = &run->options.watch;
	int result;

	command_inherit(&targets->inherited);
	targets->options = options;
	targets->trims = &run->trims;
	run->trims = (struct trimmer_context){ .policy = &options->policy, .action = &options->trim.action,
					       .output = &run->display.output, .loop = &run->loop, .measured = measured, .data = run };
	if (display_open(&run->display, STDOUT_FILENO))
		return error_set(err, EXIT_FAILED, "out of memory");
	run->display.output.format = options->format;
	run->start_ns = monotonic_ns();
	if (open_loop(run, err) || targets_open(targets, err))
		return -1;
	run->trims.proc_fd = targets->proc_fd;
	result = surveyor_open(targets, &run->loop, &targets->surveyor);
	if (!result)
		result = names_open(targets->proc_fd, &options->targets, targets->known_containers, &run->loop, &targets->names);
	if (result)
		return error_set(err, EXIT_FAILED, "cannot start a thread: %s", strerror(-result));
	return trims_open(&run->trims, &options->trim, run->options.regrowth_ns, &targets->inherited, err);
}

/* Whether each row was trimmed, or had nothing to come back. */
static bool all_done(const struct trim_run *run)
{
	for (size_t i = 0; i < run->targets.n_rows; i++) {
		enum trim_outcome outcome = run->targets.rows[i]->trimmer.summary.outcome;

		if (outcome != TRIM_TRIMMED && outcome != TRIM_NOTHING && outcome != TRIM_DRY_RUN)
			return false;
	}
	return true;
}

static void run_all(struct trim_run *run)
{
	run->looking = true;
	loop_run(&run->loop);
	for (size_t i = 0; i < run->targets.n_rows; i++)
		trimmer_finish(&run->targets.rows[i]->trimmer);
	flush(run);
	if (run->status == EXIT_DONE && !all_done(run))
		run->status = EXIT_FAILED;
}

static void close_all(struct trim_run *run)
{
	if (!run->targets.names)
		runtime_names_free(run->targets.known_containers);
	/* a thread that is still at work, on what would be freed: all has been said, the kernel tidies up */
	if (!surveyor_close(run->targets.surveyor) || !names_close(run->targets.names))
		_exit((int)run->status);
	targets_close(&run->targets);
	if (!trims_close(&run->trims))
		_exit((int)run->status);
	if (!run->trims.complete && run->status == EXIT_DONE)
		run->status = EXIT_FAILED;
	display_close(&run->display);
	loop_close(&run->loop);
	if (run->timer_fd >= 0)
		close(run->timer_fd);
	outlet_set_stop_fd(-1);
	if (run->signal_fd >= 0)
		close(run->signal_fd);
	trim_command_options_free(&run->options);
}

int cmd_trim(int argc, char *argv[])
{
	struct trim_run run = { .timer_fd = -1, .signal_fd = -1, .loop.epoll_fd = -1,
				.targets = { .proc_fd = -1, .hierarchy = { .fd = -1, .v2_fd = -1 } } };
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
	setlocale(LC_CTYPE, "C.UTF-8");
	if (open_all(&run, &err)) {
		log_message("%s", err.text);
		run.status = err.status;
	} else {
		run_all(&run);
	}
	close_all(&run);
	return (int)run.status;
}
