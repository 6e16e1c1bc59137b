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
#include "user/cmd/session.h"
#include "user/kernel/cgroup.h"

bool session_flush(struct session *session)
{
	int result = session->user.flush ? session->user.flush(session->user.data) : 0;

	if (!result)
		return true;
	if (result != -EPIPE)
		session->status = EXIT_FAILED;
	loop_stop(&session->loop);
	return false;
}

static int print_row(struct session *session, struct row *row, struct snapshot *snapshot)
{
	int result = sample_row(&session->targets, row, session->start_ns, snapshot);

	output_snapshot(session->user.output, snapshot);
	if (is_known(snapshot->allocator.missed) && (uint64_t)snapshot->allocator.missed > session->missed)
		session->missed = (uint64_t)snapshot->allocator.missed;
	return result;
}

void session_interval(struct session *session)
{
	if (session->user.interval)
		session->user.interval(session->user.data);
	else
		output_interval(session->user.output);
}

/* -N intervals are over and measured, or nothing is left: every process has exited, every cgroup is gone. */
static void stop_if_done(struct session *session)
{
	bool counted_out = session->options->count && session->intervals >= session->options->count;

	bool over = !session->user.stays && !session->targets.n_rows && !session->n_cgroups && !session->options->targets.all;

	if ((counted_out && !session->trims.running) || over)
		loop_stop(&session->loop);
}

/* What --all has found was not named, and is not asked for anything. */
static bool may_trim(const struct session *session, const struct row *row)
{
	return !row->guest && !(row->cgroup && row->cgroup->found) && !(row->process && row->process->scanned && session->options->targets.all);
}

static void look_at_row(struct session *session, struct row *row)
{
	struct candidates_request request = { &session->targets, row };
	struct trim_source source = { list_candidates, open_row_cgroup, &request, session->targets.hierarchy.version };
	struct snapshot snapshot;
	uint64_t ignored;

	/* its last line comes with the news of its exit */
	if (row->process && row->process->own && !pid_is_alive(session->targets.proc_fd, &row->process->id))
		return;
	if (print_row(session, row, &snapshot)) {
		if (!row->cgroup->found) {
			log_message("cgroup %s is gone", row->cgroup->dir.path);
			/* the home of a pid that --all made a target was never one of them */
			session->n_cgroups -= row->cgroup->adopts && session->n_cgroups;
		}
		targets_end_row(&session->targets, row);
		return;
	}
	if (!may_trim(session, row))
		return;
	line_look(&session->targets, row, &ignored); /* its event may have been lost */
	trimmer_look(&row->trimmer, &snapshot, &source, CALLER_TICK, NAN);
	line_update(&session->targets, row, &snapshot);
}

/* The kernel side has told of a crossing that is the loader's to act on: nothing waits for the interval. */
static void look_at_crossing(struct session *session, struct row *row, uint64_t late_ns)
{
	struct candidates_request request = { &session->targets, row };
	struct trim_source source = { list_candidates, open_row_cgroup, &request, session->targets.hierarchy.version };
	struct snapshot snapshot;

	if (row->process)
		interval_read_again(&session->targets, row->process);
	session->targets.interval.summed = 0;
	probes_read_counters(session->targets.probes);
	if (!sample_row(&session->targets, row, session->start_ns, &snapshot))
		trimmer_look(&row->trimmer, &snapshot, &source, CALLER_CROSSING, (double)late_ns / 1e6);
}

/* With a row a process, nobody else notices that the cgroups themselves are gone. */
static void count_cgroups(struct session *session)
{
	session->n_cgroups = 0;
	for (size_t i = 0; i < session->targets.n_cgroups; i++) {
		const struct watched_cgroup *cgroup = session->targets.cgroups[i];

		if (cgroup->adopts && !cgroup->found && cgroup_exists(cgroup->dir.fd))
			session->n_cgroups++;
	}
	if (!session->n_cgroups)
		log_message("every cgroup watched is gone");
}

/* What the kernel side knows, and has counted, as of now. */
void session_catch_up(struct session *session)
{
	if (!session->targets.probes)
		return;
	targets_follow(&session->targets);
	probes_read_counters(session->targets.probes);
}

void session_tick(void *data)
{
	struct session *session = data;

	timer_take(session->timer_fd);
	if (session->options->count && session->intervals >= session->options->count)
		return; /* only a trim is still being measured */
	targets_new_interval(&session->targets);
	interval_begin(&session->targets);
	session_catch_up(session);
	if (session->targets.governor)
		governor_interval(session->targets.governor);
	if (session->targets.tree)
		targets_scan(&session->targets);
	for (size_t i = 0; i < session->targets.n_rows;) {
		struct row *row = session->targets.rows[i];

		look_at_row(session, row);
		/* the row may have gone */
		i += i < session->targets.n_rows && session->targets.rows[i] == row;
	}
	if (!session->targets.n_rows && session->n_cgroups)
		count_cgroups(session);
	surveyor_tick(session->targets.surveyor);
	names_tick(session->targets.names);
	tell_unprobed(&session->targets);
	session_interval(session);
	if (!session_flush(session))
		return;
	session->intervals++;
	stop_if_done(session);
}

void session_measured(void *data)
{
	struct session *session = data;

	if (session_flush(session))
		stop_if_done(session);
}

void session_follow(void *data)
{
	struct session *session = data;
	struct targets *targets = &session->targets;
	uint64_t late_ns;

	targets_follow(targets);
	if (!targets->crossed)
		return;
	targets->crossed = false;
	for (size_t i = 0; i < targets->n_rows; i++)
		if (line_look(targets, targets->rows[i], &late_ns))
			look_at_crossing(session, targets->rows[i], late_ns);
	session_flush(session);
}

/* A pid target or COMMAND has exited: its last line, or in the next table its last row, then it goes. */
static void process_exited(void *data)
{
	struct exit_watch *exited = data;
	struct session *session = exited->session;
	struct watched_process *process = exited->process;
	struct watched_cgroup *home = process->cgroup;
	struct snapshot snapshot;
	bool alone = true;

	loop_remove(&session->loop, exited->watcher);
	exited->process = NULL;
	interval_read_again(&session->targets, process);
	session_catch_up(session);
	for (size_t i = 0; i < session->targets.n_rows; i++) {
		struct row *row = session->targets.rows[i];

		if (row->process != process)
			continue;
		line_close(&session->targets, row);
		trimmer_finish(&row->trimmer);
		print_row(session, row, &snapshot);
	}
	tell_exit(process);
	targets_remove_process(&session->targets, process);
	for (size_t i = 0; i < session->targets.n_processes; i++)
		alone &= session->targets.processes[i]->cgroup != home;
	/* the home of pid targets is only shown as long as there are any */
	for (size_t i = session->targets.n_rows; home && alone && !home->adopts && i-- > 0;) {
		if (session->targets.rows[i]->cgroup != home)
			continue;
		print_row(session, session->targets.rows[i], &snapshot);
		targets_end_row(&session->targets, session->targets.rows[i]);
	}
	if (session_flush(session))
		stop_if_done(session);
}

void session_end(struct session *session)
{
	struct snapshot snapshot;

	outlet_stop();
	session_end_trims(session);
	interval_begin(&session->targets);
	session_catch_up(session);
	for (size_t i = 0; i < session->targets.n_rows; i++)
		print_row(session, session->targets.rows[i], &snapshot);
	session_flush(session);
	loop_stop(&session->loop);
}

void session_interrupted(void *data)
{
	struct session *session = data;
	struct signalfd_siginfo info;

	if (read(session->signal_fd, &info, sizeof(info)) == sizeof(info))
		session_end(session);
}

int session_watch_exits(struct session *session)
{
	session->exits = calloc(session->targets.n_processes + 1, sizeof(*session->exits));
	if (!session->exits)
		return -ENOMEM;
	for (size_t i = 0; i < session->targets.n_processes; i++) {
		struct watched_process *process = session->targets.processes[i];
		struct exit_watch *exit = &session->exits[i];

		if (!process->own)
			continue;
		exit->session = session;
		exit->process = process;
		exit->watcher = loop_add(&session->loop, process->id.pidfd, process_exited, exit);
		if (!exit->watcher)
			return -EMFILE;
	}
	return 0;
}
