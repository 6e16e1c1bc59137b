// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/allocator/probes.h"
#include "user/base/fs.h"
#include "user/base/outlet.h"
#include "user/cmd/governor.h"
#include "user/cmd/interval.h"
#include "user/cmd/names.h"
#include "user/cmd/stop_signals.h"
#include "user/cmd/surveyor.h"
#include "user/cmd/trims.h"

void session_init(struct session *session)
{
	*session = (struct session){ .timer_fd = -1, .signal_fd = -1, .loop.epoll_fd = -1,
				     .targets = { .proc_fd = -1, .hierarchy = { .fd = -1, .v2_fd = -1 }, .pressure.fd = -1 } };
}

static size_t named_cgroups(const struct targets *targets)
{
	size_t n = 0;

	for (size_t i = 0; i < targets->n_cgroups; i++)
		n += !targets->cgroups[i]->found;
	return n;
}

static int start(struct session *session, struct error *err)
{
	const struct watch_options *options = session->options;
	struct targets *targets = &session->targets;
	bool complete;

	session->timer_fd = timer_open(options->interval_ns, options->interval_ns);
	session->start_ns = monotonic_ns();
	interval_begin(targets);
	if (targets->tree)
		targets_scan(targets);
	session->n_targets = targets->n_rows;
	if (session->user.started)
		session->user.started(session->user.data);
	session->n_cgroups = options->targets.n_cgroups || options->targets.n_containers ? named_cgroups(targets) : 0;
	complete = session->timer_fd >= 0 && session->signal_fd >= 0 && !session_watch_exits(session) &&
		   loop_add(&session->loop, session->timer_fd, session_tick, session) &&
		   loop_add(&session->loop, session->signal_fd, session_interrupted, session) &&
		   (!targets->probes || loop_add(&session->loop, probes_events_fd(targets->probes), session_follow, session));
	return complete ? 0 : error_set(err, EXIT_FAILED, "cannot set up the event loop: %s", strerror(errno));
}

static int start_background(struct session *session, struct error *err)
{
	const struct watch_options *options = session->options;
	struct targets *targets = &session->targets;
	int result = surveyor_open(targets, &session->loop, &targets->surveyor);

	if (!result && targets->probes)
		result = governor_open(targets, options->max_overhead, &session->loop, &targets->governor);
	if (!result)
		result = names_open(targets->proc_fd, &options->targets, targets->known_containers, &session->loop, &targets->names);
	if (result)
		return error_set(err, EXIT_FAILED, "cannot start a thread: %s", strerror(-result));
	session->trims.proc_fd = targets->proc_fd;
	if (options->trims && trims_open(&session->trims, &options->trim, options->regrowth_ns, &targets->inherited, err))
		return -1;
	session_catch_up(session);
	for (size_t i = 0; i < targets->n_processes; i++)
		interval_status(targets, targets->processes[i]);
	surveyor_tick(targets->surveyor);
	return 0;
}

int session_open(struct session *session, const struct watch_options *options, const struct session_user *user, struct error *err)
{
	session->options = options;
	session->user = *user;
	session->targets.options = options;
	session->targets.trims = &session->trims;
	session->trims = (struct trimmer_context){
		.policy = &options->policy,
		.action = &options->trim.action,
		.output = user->output,
		.loop = &session->loop,
		.measured = session_measured,
		.data = session,
	};
	command_inherit(&session->targets.inherited);
	session->signal_fd = stop_signals_open();
	outlet_set_stop_fd(session->signal_fd);
	if (loop_open(&session->loop))
		return error_set(err, EXIT_FAILED, "cannot set up the event loop: %s", strerror(errno));
	if (options->trims && trims_log_open(&session->trims, &options->trim, err))
		return -1;
	if (targets_open(&session->targets, err) || start(session, err) || start_background(session, err))
		return -1;
	return 0;
}

void session_end_trims(struct session *session)
{
	struct targets *targets = &session->targets;

	for (size_t i = 0; i < targets->n_rows; i++)
		line_close(targets, targets->rows[i]);
	for (size_t i = 0; i < targets->n_rows; i++)
		trimmer_finish(&targets->rows[i]->trimmer);
}

void session_run(struct session *session)
{
	loop_run(&session->loop);
	session_end_trims(session);
	/* of those that have exited since the last interval */
	session_interval(session);
	session_flush(session);
}

bool session_close(struct session *session)
{
	struct targets *targets = &session->targets;

	pressure_withdraw(&targets->pressure); /* first of all: it is the only thing that would be left behind */
	if (!targets->names)
		runtime_names_free(targets->known_containers);
	if (!surveyor_close(targets->surveyor) || !governor_close(targets->governor) || !names_close(targets->names)) {
		/* the kernel would, but not before the last process has gone that shares our files: shielded_call() in a thread */
		if (targets->probes)
			probes_detach(targets->probes);
		return false;
	}
	targets->governor = NULL;
	targets_close(targets);
	if (!trims_close(&session->trims))
		return false;
	if (session->status == EXIT_DONE && !session->trims.complete)
		session->status = EXIT_FAILED;
	loop_close(&session->loop);
	if (session->timer_fd >= 0)
		close(session->timer_fd);
	outlet_set_stop_fd(-1);
	if (session->signal_fd >= 0)
		close(session->signal_fd);
	free(session->exits);
	return true;
}
