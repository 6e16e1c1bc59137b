// SPDX-License-Identifier: GPL-2.0-only
/* memgap watch: opens the targets, prints each one's figures at each interval, trims, and says at the end what was. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/outlet.h"
#include "user/base/units.h"
#include "user/cmd/command_table.h"
#include "user/cmd/candidates.h"
#include "user/cmd/display.h"
#include "user/cmd/governor.h"
#include "user/cmd/interval.h"
#include "user/cmd/names.h"
#include "user/cmd/sample.h"
#include "user/cmd/surveyor.h"
#include "user/cmd/targets.h"
#include "user/cmd/tell.h"
#include "user/cmd/watch_options.h"
#include "user/kernel/cgroup.h"

struct watch;

/* A pid target or COMMAND, whose exit is waited for. */
struct exit_watch {
	struct watch *watch;
	struct watched_process *process;
	struct watcher *watcher;
};

struct watch {
	struct watch_options options;
	struct targets targets;
	struct trimmer_context trims;
	struct loop loop;
	struct display display;
	uint64_t start_ns;
	int64_t intervals;   /* printed so far */
	size_t n_targets;    /* rows at the start */
	uint64_t missed;     /* as last seen, of all rows */
	size_t n_cgroups;    /* cgroup targets that are still there */
	enum exit_status status;
	int timer_fd, signal_fd;
	struct exit_watch *exits;
};

/* stdout is the product: when it is closed, a quiet end; when it is full, an error. */
static bool flush(struct watch *watch)
{
	int result = display_flush(&watch->display);

	if (!result)
		return true;
	if (result != -EPIPE)
		watch->status = EXIT_FAILED;
	loop_stop(&watch->loop);
	return false;
}

static int print_row(struct watch *watch, struct row *row, struct snapshot *snapshot)
{
	int result = sample_row(&watch->targets, row, watch->start_ns, snapshot);

	output_snapshot(&watch->display.output, snapshot);
	if (is_known(snapshot->allocator.missed) && (uint64_t)snapshot->allocator.missed > watch->missed)
		watch->missed = (uint64_t)snapshot->allocator.missed;
	return result;
}

/* -N intervals are over and measured, or nothing is left: every process has exited, every cgroup is gone. */
static void stop_if_done(struct watch *watch)
{
	bool counted_out = watch->options.count && watch->intervals >= watch->options.count;

	bool over = !watch->targets.n_rows && !watch->n_cgroups && !watch->options.targets.all;

	if ((counted_out && !watch->trims.running) || over)
		loop_stop(&watch->loop);
}

static void look_at_row(struct watch *watch, struct row *row)
{
	struct candidates_request request = { &watch->targets, row };
	struct trim_source source = { list_candidates, open_row_cgroup, &request };
	struct snapshot snapshot;

	/* its last line comes with the news of its exit */
	if (row->process && row->process->own && !pid_is_alive(watch->targets.proc_fd, &row->process->id))
		return;
	if (print_row(watch, row, &snapshot)) {
		if (!row->cgroup->found) {
			log_message("cgroup %s is gone", row->cgroup->dir.path);
			/* the home of a pid that --all made a target was never one of them */
			watch->n_cgroups -= row->cgroup->adopts && watch->n_cgroups;
		}
		targets_end_row(&watch->targets, row);
		return;
	}
	/* what --all has found was not named, and is not asked for anything */
	if ((row->cgroup && row->cgroup->found) || (row->process && row->process->scanned && watch->options.targets.all))
		return;
	trimmer_look(&row->trimmer, &snapshot, watch->targets.hierarchy.version, &source);
}

/* With a row a process, nobody else notices that the cgroups themselves are gone. */
static void count_cgroups(struct watch *watch)
{
	watch->n_cgroups = 0;
	for (size_t i = 0; i < watch->targets.n_cgroups; i++) {
		const struct watched_cgroup *cgroup = watch->targets.cgroups[i];

		if (cgroup->adopts && !cgroup->found && cgroup_exists(cgroup->dir.fd))
			watch->n_cgroups++;
	}
	if (!watch->n_cgroups)
		log_message("every cgroup watched is gone");
}

/* What the kernel side knows, and has counted, as of now. */
static void catch_up(struct watch *watch)
{
	if (!watch->targets.probes)
		return;
	targets_follow(&watch->targets);
	probes_read_counters(watch->targets.probes);
}

static void tick(void *data)
{
	struct watch *watch = data;

	timer_take(watch->timer_fd);
	if (watch->options.count && watch->intervals >= watch->options.count)
		return; /* only a trim is still being measured */
	targets_new_interval(&watch->targets);
	interval_begin(&watch->targets);
	catch_up(watch);
	if (watch->targets.governor)
		governor_interval(watch->targets.governor);
	if (watch->targets.tree)
		targets_scan(&watch->targets);
	for (size_t i = 0; i < watch->targets.n_rows;) {
		struct row *row = watch->targets.rows[i];

		look_at_row(watch, row);
		/* the row may have gone */
		i += i < watch->targets.n_rows && watch->targets.rows[i] == row;
	}
	if (!watch->targets.n_rows && watch->n_cgroups)
		count_cgroups(watch);
	surveyor_tick(watch->targets.surveyor);
	names_tick(watch->targets.names);
	tell_unprobed(&watch->targets);
	display_interval(&watch->display);
	if (!flush(watch))
		return;
	watch->intervals++;
	stop_if_done(watch);
}

static void measured(void *data)
{
	struct watch *watch = data;

	if (flush(watch))
		stop_if_done(watch);
}

static void follow(void *data)
{
	struct watch *watch = data;

	targets_follow(&watch->targets);
}

/* A pid target or COMMAND has exited: its last line, or in the next table its last row, then it goes. */
static void process_exited(void *data)
{
	struct exit_watch *exited = data;
	struct watch *watch = exited->watch;
	struct watched_process *process = exited->process;
	struct watched_cgroup *home = process->cgroup;
	struct snapshot snapshot;
	bool alone = true;

	loop_remove(&watch->loop, exited->watcher);
	exited->process = NULL;
	interval_read_again(&watch->targets, process);
	catch_up(watch);
	for (size_t i = 0; i < watch->targets.n_rows; i++) {
		struct row *row = watch->targets.rows[i];

		if (row->process != process)
			continue;
		trimmer_finish(&row->trimmer);
		print_row(watch, row, &snapshot);
	}
	tell_exit(process);
	targets_remove_process(&watch->targets, process);
	for (size_t i = 0; i < watch->targets.n_processes; i++)
		alone &= watch->targets.processes[i]->cgroup != home;
	/* the home of pid targets is only shown as long as there are any */
	for (size_t i = watch->targets.n_rows; home && alone && !home->adopts && i-- > 0;) {
		if (watch->targets.rows[i]->cgroup != home)
			continue;
		print_row(watch, watch->targets.rows[i], &snapshot);
		targets_end_row(&watch->targets, watch->targets.rows[i]);
	}
	if (flush(watch))
		stop_if_done(watch);
}

/* SIGINT or SIGTERM: a last line, or row, for each target. */
static void interrupted(void *data)
{
	struct watch *watch = data;
	struct signalfd_siginfo info;
	struct snapshot snapshot;

	if (read(watch->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	outlet_stop();
	interval_begin(&watch->targets);
	catch_up(watch);
	for (size_t i = 0; i < watch->targets.n_rows; i++) {
		trimmer_finish(&watch->targets.rows[i]->trimmer);
		print_row(watch, watch->targets.rows[i], &snapshot);
	}
	flush(watch);
	loop_stop(&watch->loop);
}

static int watch_exits(struct watch *watch)
{
	watch->exits = calloc(watch->targets.n_processes + 1, sizeof(*watch->exits));
	if (!watch->exits)
		return -ENOMEM;
	for (size_t i = 0; i < watch->targets.n_processes; i++) {
		struct watched_process *process = watch->targets.processes[i];
		struct exit_watch *exit = &watch->exits[i];

		if (!process->own)
			continue;
		exit->watch = watch;
		exit->process = process;
		exit->watcher = loop_add(&watch->loop, process->id.pidfd, process_exited, exit);
		if (!exit->watcher)
			return -EMFILE;
	}
	return 0;
}

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
		   loop_add(&watch->loop, watch->timer_fd, tick, watch) &&
		   loop_add(&watch->loop, watch->signal_fd, interrupted, watch) &&
		   (!targets->probes || loop_add(&watch->loop, probes_events_fd(targets->probes), follow, watch));
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
	catch_up(watch);
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

/* Taken by the loop. */
static int open_signals(void)
{
	sigset_t signals;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
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
		.action = &watch->options.action,
		.output = &watch->display.output,
		.loop = &watch->loop,
		.measured = measured,
		.data = watch,
	};
	command_inherit(&watch->targets.inherited);
	watch->signal_fd = open_signals();
	outlet_set_stop_fd(watch->signal_fd);
	if (loop_open(&watch->loop)) {
		log_message("cannot set up the event loop: %s", strerror(errno));
		return EXIT_FAILED;
	}
	if (targets_open(&watch->targets, &err) || start(watch, &err) || start_background(watch, &err)) {
		log_message("%s", err.text);
		return (int)err.status;
	}
	watch->trims.proc_fd = watch->targets.proc_fd;
	loop_run(&watch->loop);
	/* rows of those that have exited since the last table */
	display_interval(&watch->display);
	flush(watch);
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
