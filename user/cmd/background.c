// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/background.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "user/base/units.h"
#include "user/base/worker.h"
#include "user/cmd/trimmer_parts.h"
#include "user/trim/exec.h"
#include "user/trim/reclaim.h"

LIST_HEAD(commands, running_command);
STAILQ_HEAD(reclaims, wanted_reclaim);

/* The first of the queue is going on. */
struct wanted_reclaim {
	struct reclaim reclaim;
	struct trimmer *trimmer; /* whom it is for; NULL: it was forgotten */
	STAILQ_ENTRY(wanted_reclaim) entry;
};

struct running_command {
	struct background *background;
	struct trimmer *trimmer;
	struct exec exec;
	int timer_fd;
	struct watcher *ended, *late;
	LIST_ENTRY(running_command) entry;
};

struct background {
	struct loop *loop;
	const struct inherited *inherited;
	struct worker *worker;
	struct watcher *watcher;
	struct reclaims reclaims;
	struct commands commands;
};

static void free_reclaim(struct wanted_reclaim *wanted)
{
	close(wanted->reclaim.cgroup_fd);
	free(wanted);
}

static void run_reclaim(void *data)
{
	struct wanted_reclaim *wanted = data;

	reclaim_run(&wanted->reclaim);
}

static void start_first(struct background *background)
{
	struct wanted_reclaim *wanted = STAILQ_FIRST(&background->reclaims);

	if (!wanted)
		return;
	trimmer_begins(wanted->trimmer);
	worker_start(background->worker, run_reclaim, wanted);
}

static void reclaimed(void *data)
{
	struct background *background = data;
	uint64_t ignored;
	struct wanted_reclaim *wanted = worker_take(background->worker, &ignored);

	if (!wanted)
		return;
	STAILQ_REMOVE_HEAD(&background->reclaims, entry);
	start_first(background);
	if (wanted->trimmer)
		trimmer_reclaimed(wanted->trimmer, wanted->reclaim.result, wanted->reclaim.why);
	free_reclaim(wanted);
}

int background_open(struct loop *loop, const struct inherited *inherited, struct background **ret)
{
	struct background *background = calloc(1, sizeof(*background));
	int result = background ? worker_open(&background->worker) : -ENOMEM;

	if (result) {
		free(background);
		return result;
	}
	background->loop = loop;
	background->inherited = inherited;
	LIST_INIT(&background->commands);
	STAILQ_INIT(&background->reclaims);
	background->watcher = loop_add(loop, worker_fd(background->worker), reclaimed, background);
	if (!background->watcher) {
		worker_close(background->worker, &(void *){ NULL });
		free(background);
		return -ENOMEM;
	}
	*ret = background;
	return 0;
}

bool background_close(struct background *background)
{
	void *left;

	if (!background)
		return true;
	loop_remove(background->loop, background->watcher);
	if (!worker_close(background->worker, &left))
		return false;
	if (left)
		free_reclaim(left);
	free(background);
	return true;
}

static bool fail(struct trimmer *trimmer, const char *what, int error)
{
	trimmer->event.outcome = TRIM_FAILED;
	snprintf(trimmer->event.why, sizeof(trimmer->event.why), "%s: %s", what, strerror(-error));
	return false;
}

bool background_reclaim(struct background *background, struct trimmer *trimmer, int64_t bytes, bool cache_only)
{
	struct wanted_reclaim *wanted = calloc(1, sizeof(*wanted));
	bool first = STAILQ_EMPTY(&background->reclaims);

	if (!wanted)
		return fail(trimmer, "cannot reclaim", -ENOMEM);
	wanted->trimmer = trimmer;
	wanted->reclaim = (struct reclaim){
		.cgroup_fd = fcntl(trimmer->cgroup_fd, F_DUPFD_CLOEXEC, 0),
		.version = trimmer->cgroup_version,
		.bytes = bytes,
		.cache_only = cache_only,
		.forced = trimmer->round.action.forced,
	};
	if (wanted->reclaim.cgroup_fd < 0) {
		int error = -errno;

		free(wanted);
		return fail(trimmer, "cannot reclaim", error);
	}
	STAILQ_INSERT_TAIL(&background->reclaims, wanted, entry);
	if (first)
		start_first(background);
	return true;
}

static void unwatch(struct running_command *command)
{
	if (command->ended)
		loop_remove(command->background->loop, command->ended);
	if (command->late)
		loop_remove(command->background->loop, command->late);
	if (command->timer_fd >= 0)
		close(command->timer_fd);
	command->ended = command->late = NULL;
	command->timer_fd = -1;
}

static void drop(struct running_command *command)
{
	unwatch(command);
	exec_abandon(&command->exec);
	LIST_REMOVE(command, entry);
	free(command);
}

static void command_ended(void *data);

static void end_command(struct running_command *command, bool timed_out)
{
	struct trimmer *trimmer = command->trimmer;
	char why[WHY_MAX] = "";
	int result;

	unwatch(command);
	result = exec_end(&command->exec, timed_out, why, sizeof(why));
	if (result == -EINPROGRESS) {
		/* it has been killed, and is waited for */
		command->ended = loop_add(command->background->loop, command->exec.pidfd, command_ended, command);
		if (command->ended)
			return;
	}
	drop(command);
	trimmer_executed(trimmer, !result, why);
}

static void command_ended(void *data)
{
	end_command(data, false);
}

static void command_is_late(void *data)
{
	end_command(data, true);
}

/* Figures for the command's environment. */
#define FIGURES_MAX 12
#define PIDS_TEXT_MAX (TRIM_PIDS_MAX * 12)

struct environment {
	struct exec_figure figures[FIGURES_MAX];
	size_t n;
	char numbers[FIGURES_MAX][24];
	char pids[PIDS_TEXT_MAX];
};

static void add_text(struct environment *environment, const char *name, const char *text)
{
	if (*text)
		environment->figures[environment->n++] = (struct exec_figure){ name, text };
}

static void add_bytes(struct environment *environment, const char *name, int64_t bytes)
{
	char *text = environment->numbers[environment->n];

	if (!is_known(bytes))
		return;
	snprintf(text, sizeof(environment->numbers[0]), "%" PRId64, bytes);
	add_text(environment, name, text);
}

static void fill_environment(struct environment *environment, const struct trim_event *event, const struct snapshot *snapshot)
{
	size_t used = 0;

	for (size_t i = 0; i < event->n_pids; i++)
		used += (size_t)snprintf(environment->pids + used, sizeof(environment->pids) - used, "%s%d", i ? " " : "", event->pids[i]);
	add_text(environment, EXEC_PIDS, environment->pids);
	add_text(environment, EXEC_CGROUP, snapshot->target.cgroup);
	add_text(environment, EXEC_CONTAINER, snapshot->target.container);
	if (is_known(event->reason.threshold)) {
		add_text(environment, EXEC_METRIC, metric_name(event->reason.metric));
		add_bytes(environment, EXEC_VALUE, event->reason.value);
		add_bytes(environment, EXEC_THRESHOLD, event->reason.threshold);
	}
	add_bytes(environment, EXEC_ALLOC, snapshot->allocator.alloc);
	add_bytes(environment, EXEC_RSS, snapshot->kernel.rss);
	add_bytes(environment, EXEC_GAP, snapshot->gap.bytes);
	add_bytes(environment, EXEC_TRIMMABLE, snapshot->gap.trimmable);
	add_text(environment, EXEC_VERDICT, verdict_name(snapshot->gap.verdict));
}

/* Its end, or the end of its time, whichever comes first. */
static int wait_for(struct background *background, struct running_command *command)
{
	command->timer_fd = timer_open(EXEC_LONGEST_NS, 0);
	if (command->timer_fd < 0)
		return command->timer_fd;
	command->ended = loop_add(background->loop, command->exec.pidfd, command_ended, command);
	command->late = command->ended ? loop_add(background->loop, command->timer_fd, command_is_late, command) : NULL;
	return command->late ? 0 : -EMFILE;
}

bool background_exec(struct background *background, struct trimmer *trimmer, const struct snapshot *snapshot)
{
	struct running_command *command = calloc(1, sizeof(*command));
	struct environment environment = { .n = 0 };
	int result;

	if (!command)
		return fail(trimmer, "cannot run the command", -ENOMEM);
	*command = (struct running_command){ .background = background, .trimmer = trimmer, .timer_fd = -1 };
	fill_environment(&environment, &trimmer->event, snapshot);
	result = exec_start(trimmer->round.action.argv, background->inherited, environment.figures, environment.n, &command->exec);
	if (result) {
		free(command);
		return fail(trimmer, trimmer->round.action.argv[0], result);
	}
	LIST_INSERT_HEAD(&background->commands, command, entry);
	result = wait_for(background, command);
	if (!result)
		return true;
	drop(command);
	return fail(trimmer, trimmer->round.action.argv[0], result);
}

static bool forget_reclaim(struct background *background, struct trimmer *trimmer)
{
	struct wanted_reclaim *wanted;

	STAILQ_FOREACH(wanted, &background->reclaims, entry)
		if (wanted->trimmer == trimmer)
			break;
	if (!wanted)
		return false;
	wanted->trimmer = NULL;
	wanted->reclaim.stop = true;
	if (wanted == STAILQ_FIRST(&background->reclaims))
		return true; /* it goes on to its next batch, no further */
	STAILQ_REMOVE(&background->reclaims, wanted, wanted_reclaim, entry);
	free_reclaim(wanted);
	return true;
}

bool background_forget(struct background *background, struct trimmer *trimmer)
{
	struct running_command *command;

	if (background && forget_reclaim(background, trimmer))
		return true;
	if (background)
		LIST_FOREACH(command, &background->commands, entry)
			if (command->trimmer == trimmer) {
				drop(command);
				return true;
			}
	return false;
}
