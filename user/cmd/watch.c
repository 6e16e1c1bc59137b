// SPDX-License-Identifier: GPL-2.0-only
/* memgap watch: opens the targets, has what happens to them printed (watch_events.c), and says at the end what was. */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/outlet.h"
#include "user/base/units.h"
#include "user/cmd/command_table.h"
#include "user/cmd/governor.h"
#include "user/cmd/interval.h"
#include "user/cmd/names.h"
#include "user/cmd/regrowth.h"
#include "user/cmd/stop_signals.h"
#include "user/cmd/surveyor.h"
#include "user/cmd/trims.h"
#include "user/cmd/watch.h"

/* Once the targets are known. Of a cgroup's processes, or of all cgroups, there may be one now and many later. */
static void choose_format(struct watch *watch)
{
	const struct watch_options *options = &watch->options;
	struct output *output = &watch->display.output;
	size_t n_rows = watch->targets.n_rows;
	bool many = n_rows > 1 || options->targets.all || (options->per == PER_PROCESS && options->targets.n_cgroups);

	watch->n_targets = n_rows;
	output->named = many || options->per == PER_PROCESS;
	output->format = options->format ? options->format : many ? &output_table : &output_line;
}

static size_t named_cgroups(const struct targets *targets)
{
	size_t n = 0;

	for (size_t i = 0; i < targets->n_cgroups; i++)
		n += !targets->cgroups[i]->found;
	return n;
}

static int start(struct watch *watch, struct error *err)
{
	struct targets *targets = &watch->targets;
	bool complete;

	watch->timer_fd = timer_open(watch->options.interval_ns, watch->options.interval_ns);
	watch->start_ns = monotonic_ns();
	interval_begin(targets);
	if (targets->tree)
		targets_scan(targets);
	choose_format(watch);
	watch->n_cgroups = watch->options.targets.n_cgroups || watch->options.targets.n_containers ? named_cgroups(targets) : 0;
	complete = watch->timer_fd >= 0 && watch->signal_fd >= 0 && !watch_exits(watch) &&
		   loop_add(&watch->loop, watch->timer_fd, watch_tick, watch) &&
		   loop_add(&watch->loop, watch->signal_fd, watch_interrupted, watch) &&
		   (!targets->probes || loop_add(&watch->loop, probes_events_fd(targets->probes), watch_follow, watch));
	return complete ? 0 : error_set(err, EXIT_FAILED, "cannot set up the event loop: %s", strerror(errno));
}

static int start_background(struct watch *watch, struct error *err)
{
	struct targets *targets = &watch->targets;
	int result = surveyor_open(targets, &watch->loop, &targets->surveyor);

	if (!result && targets->probes)
		result = governor_open(targets, watch->options.max_overhead, &watch->loop, &targets->governor);
	if (!result)
		result = names_open(targets->proc_fd, &watch->options.targets, targets->known_containers, &watch->loop, &targets->names);
	if (result)
		return error_set(err, EXIT_FAILED, "cannot start a thread: %s", strerror(-result));
	watch->trims.proc_fd = targets->proc_fd;
	if (watch->options.policy.enabled &&
	    trims_open(&watch->trims, &watch->options.trim, REGROWTH_NS, &targets->inherited, err))
		return -1;
	watch_catch_up(watch);
	for (size_t i = 0; i < targets->n_processes; i++)
		interval_status(targets, targets->processes[i]);
	surveyor_tick(targets->surveyor);
	return 0;
}

static void summarize(const struct watch *watch)
{
	char back[BYTES_TEXT_MAX];
	double seconds = (double)(monotonic_ns() - watch->start_ns) / 1e9;
	const struct watched_process *command =
		watch->targets.command_pid ? targets_find(&watch->targets, watch->targets.command_pid) : NULL;

	log_message("watched %zu target%s for %.1f s: %" PRId64 " trim%s, %s back, %" PRIu64 " event%s missed",
		    watch->n_targets, watch->n_targets == 1 ? "" : "s", seconds, watch->trims.count,
		    watch->trims.count == 1 ? "" : "s", format_bytes(back, watch->trims.reclaimed), watch->missed,
		    watch->missed == 1 ? "" : "s");
	/* never stopped by us */
	if (command)
		log_message("pid %d (%s) goes on", command->id.pid, command->id.comm);
}

static int run(struct watch *watch)
{
	struct error err;

	/* names are printed as UTF-8 whatever the locale: for their width in a table */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (display_open(&watch->display, STDOUT_FILENO)) {
		log_message("out of memory");
		return EXIT_FAILED;
	}
	watch->targets.options = &watch->options;
	watch->targets.trims = &watch->trims;
	watch->trims = (struct trimmer_context){
		.policy = &watch->options.policy,
		.action = &watch->options.trim.action,
		.output = &watch->display.output,
		.loop = &watch->loop,
		.measured = watch_measured,
		.data = watch,
	};
	command_inherit(&watch->targets.inherited);
	watch->signal_fd = stop_signals_open();
	outlet_set_stop_fd(watch->signal_fd);
	if (loop_open(&watch->loop)) {
		log_message("cannot set up the event loop: %s", strerror(errno));
		return EXIT_FAILED;
	}
	if (targets_open(&watch->targets, &err) || start(watch, &err) || start_background(watch, &err)) {
		log_message("%s", err.text);
		return (int)err.status;
	}
	loop_run(&watch->loop);
	/* rows of those that have exited since the last table */
	display_interval(&watch->display);
	watch_flush(watch);
	summarize(watch);
	return (int)watch->status;
}

int cmd_watch(int argc, char *argv[])
{
	struct watch watch = { .timer_fd = -1, .signal_fd = -1, .loop.epoll_fd = -1,
			       .targets = { .proc_fd = -1, .hierarchy = { .fd = -1, .v2_fd = -1 } } };
	struct error err;
	int status;

	if (watch_options_parse(argc, argv, &watch.options, &err)) {
		log_message("%s", err.text);
		return (int)err.status;
	}
	if (watch.options.help) {
		fputs(watch_usage, stdout);
		watch_options_free(&watch.options);
		return EXIT_DONE;
	}
	status = run(&watch);
	if (!watch.targets.names)
		runtime_names_free(watch.targets.known_containers);
	/* a thread that is still at work, on what would be freed: all has been said, the kernel tidies up */
	if (!surveyor_close(watch.targets.surveyor) || !governor_close(watch.targets.governor) || !names_close(watch.targets.names))
		_exit(status);
	watch.targets.governor = NULL;
	targets_close(&watch.targets);
	if (!trims_close(&watch.trims))
		_exit(status);
	status = status == EXIT_DONE && !watch.trims.complete ? EXIT_FAILED : status;
	display_close(&watch.display);
	loop_close(&watch.loop);
	if (watch.timer_fd >= 0)
		close(watch.timer_fd);
	outlet_set_stop_fd(-1);
	if (watch.signal_fd >= 0)
		close(watch.signal_fd);
	free(watch.exits);
	watch_options_free(&watch.options);
	return status;
}
