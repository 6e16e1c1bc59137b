// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/outlet.h"
#include "user/base/units.h"
#include "user/cmd/candidates.h"
#include "user/cmd/governor.h"
#include "user/cmd/interval.h"
#include "user/cmd/names.h"
#include "user/cmd/sample.h"
#include "user/cmd/surveyor.h"
#include "user/cmd/tell.h"
#include "user/cmd/watch.h"
#include "user/kernel/cgroup.h"

/* stdout is the product: when it is closed, a quiet end; when it is full, an error. */
bool watch_flush(struct watch *watch)
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

/* What --all has found was not named, and is not asked for anything. */
static bool may_trim(const struct watch *watch, const struct row *row)
{
	return !(row->cgroup && row->cgroup->found) && !(row->process && row->process->scanned && watch->options.targets.all);
}

static void look_at_row(struct watch *watch, struct row *row)
{
	struct candidates_request request = { &watch->targets, row };
	struct trim_source source = { list_candidates, open_row_cgroup, &request, watch->targets.hierarchy.version };
	struct snapshot snapshot;
	uint64_t ignored;

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
	if (!may_trim(watch, row))
		return;
	line_look(&watch->targets, row, &ignored); /* its event may have been lost */
	trimmer_look(&row->trimmer, &snapshot, &source, CALLER_TICK, NAN);
	line_update(&watch->targets, row, &snapshot);
}

/* The kernel side has told of a crossing that is the loader's to act on: nothing waits for the interval. */
static void look_at_crossing(struct watch *watch, struct row *row, uint64_t late_ns)
{
	struct candidates_request request = { &watch->targets, row };
	struct trim_source source = { list_candidates, open_row_cgroup, &request, watch->targets.hierarchy.version };
	struct snapshot snapshot;

	if (row->process)
		interval_read_again(&watch->targets, row->process);
	watch->targets.interval.summed = 0;
	probes_read_counters(watch->targets.probes);
	if (!sample_row(&watch->targets, row, watch->start_ns, &snapshot))
		trimmer_look(&row->trimmer, &snapshot, &source, CALLER_CROSSING, (double)late_ns / 1e6);
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
void watch_catch_up(struct watch *watch)
{
	if (!watch->targets.probes)
		return;
	targets_follow(&watch->targets);
	probes_read_counters(watch->targets.probes);
}

void watch_tick(void *data)
{
	struct watch *watch = data;

	timer_take(watch->timer_fd);
	if (watch->options.count && watch->intervals >= watch->options.count)
		return; /* only a trim is still being measured */
	targets_new_interval(&watch->targets);
	interval_begin(&watch->targets);
	watch_catch_up(watch);
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
	if (!watch_flush(watch))
		return;
	watch->intervals++;
	stop_if_done(watch);
}

void watch_measured(void *data)
{
	struct watch *watch = data;

	if (watch_flush(watch))
		stop_if_done(watch);
}

void watch_follow(void *data)
{
	struct watch *watch = data;
	struct targets *targets = &watch->targets;
	uint64_t late_ns;

	targets_follow(targets);
	if (!targets->crossed)
		return;
	targets->crossed = false;
	for (size_t i = 0; i < targets->n_rows; i++)
		if (line_look(targets, targets->rows[i], &late_ns))
			look_at_crossing(watch, targets->rows[i], late_ns);
	watch_flush(watch);
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
	watch_catch_up(watch);
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
	if (watch_flush(watch))
		stop_if_done(watch);
}

/* SIGINT or SIGTERM: a last line, or row, for each target. */
void watch_interrupted(void *data)
{
	struct watch *watch = data;
	struct signalfd_siginfo info;
	struct snapshot snapshot;

	if (read(watch->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	outlet_stop();
	interval_begin(&watch->targets);
	watch_catch_up(watch);
	for (size_t i = 0; i < watch->targets.n_rows; i++) {
		trimmer_finish(&watch->targets.rows[i]->trimmer);
		print_row(watch, watch->targets.rows[i], &snapshot);
	}
	watch_flush(watch);
	loop_stop(&watch->loop);
}

int watch_exits(struct watch *watch)
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
