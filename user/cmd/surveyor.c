// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/surveyor.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/base/worker.h"
#include "user/cmd/look.h"
#include "user/cmd/targets.h"

/* Of the share of a core for all looks together (--walk-budget), what was not used for a while may be used at once, as at the start. */
#define SAVED_NS 100000000LL
#define MOST_OWED_NS 100000000LL

/* Besides, for the first look into a process that holds something: nobody knows anything of it before. */
#define FIRST_SHARE 0.05
#define FIRST_BYTES (1 << 20)

/* Of the file descriptors that there may be, one in so many is a process with its heap open. */
#define HEAP_FDS_PART 16

/*
 * A walk that takes longer is given up: heaps of some 100 GiB. After so long at once, which is enough for 1 GiB, it goes on in slices:
 * it is then no picture of one moment, but leaves the core to others. While it rests nobody else is looked into: where there is
 * anybody else, it does not rest, and is given up earlier, at some 10 GiB.
 */
#define WALK_NS 30000000000ULL
#define AT_ONCE_NS 400000000ULL
static const struct heap_budget among_others = { .most_ns = 2000000000 };
#define SLICE_EVERY_NS 1000000000ULL

/* Between two looks into the same process, at least; a look that costs much comes seldom: it takes no more than the share. */
#define LEAST_NS 1000000000ULL

/* As long as nothing seems to have changed; of processes that hold less, so much more seldom. */
#define IDLE_NS 3000000000ULL
#define IDLE_BYTES (8 << 20)
#define IDLE_MOST_TIMES 20

/* The kernel's own count of it is wrong by some pages for each thread or core: a small process may seem to hold nothing. */
#define LEAST_HELD_BYTES 4096

/* Which of those that are due comes first. */
#define LEAST_COST_NS 100000
#define CHANGED_COUNTS 16
#define NEVER_LOOKED_INTO 1e24

struct surveyor {
	struct targets *targets;
	struct worker *worker;
	struct look look; /* the worker's, until it is done */
	struct loop *loop;
	struct watcher *watcher;
	uint64_t accounted_ns; /* CLOCK_MONOTONIC up to which the shares are in these: */
	int64_t saved_ns, first_saved_ns; /* CPU time that may be used; below 0: was used too much */
};

/* What the probes have counted for a process by now. */
static bool count_now(struct targets *targets, const struct watched_process *process, struct memgap_process *ret)
{
	return targets->probes && governed_is_on(&process->governed) && interval_record(targets, process) &&
	       !probes_read_process(targets->probes, process->id.pid, ret);
}

/* All bytes that came and went: what did not move in a walk is right in it. */
static uint64_t turnover_of(const struct memgap_process *record)
{
	return record->counters.total_alloc + record->counters.freed;
}

/* What is counted is exact, so that one good walk tells for all time what was there before. */
static void settle_before(struct survey *survey, const struct memgap_process *record)
{
	uint64_t moved = turnover_of(record) - survey->turnover;

	if (!survey->walked || (is_known(survey->before) && moved >= survey->moved))
		return;
	survey->before = survey->view.alloc - memgap_net(&record->counters);
	survey->moved = moved;
}

/* What is read of Go at each interval is not the look's, but for what it has opened. */
static void keep_go(struct watched_process *process, struct look *look)
{
	struct survey *before = &process->survey, *found = &look->survey;
	bool opened = found->go != NULL;

	/* another Go program, that nobody has told of: it has handed out less than the one before */
	if (opened && before->has_go && found->go_view.total_alloc < before->go_view.total_alloc)
		targets_settle_go(process);
	if (!opened) {
		found->go_view = before->go_view;
		found->has_go = before->has_go;
		found->go_failures = before->go_failures;
		found->go_interval = before->go_interval;
	}
	found->go = opened ? found->go : before->go;
	found->language = before->language;
	found->c_most = before->c_most;
	found->go_total = before->go_total;
	found->go_settled = before->go_settled;
}

static void keep(struct surveyor *surveyor, struct watched_process *process, struct look *look, uint64_t cost_ns)
{
	struct survey *survey = &process->survey;
	int64_t first_alloc = survey->first_alloc;
	struct memgap_process record;
	bool fits = look->survey.changes == process->governed.changes;

	keep_go(process, look);
	*survey = look->survey;
	survey->running = false;
	survey->at_ns = monotonic_ns();
	survey->cost_ns = cost_ns;
	survey->first_alloc = !is_known(first_alloc) && survey->has_heap ? survey->view.alloc : first_alloc;
	/* each has two files open: of many processes, they are opened anew each time */
	if (surveyor->targets->n_processes > (size_t)surveyor->targets->max_fds / HEAP_FDS_PART)
		survey_close(survey);
	/* what was counted while it was walked through has a hole */
	if (!fits)
		survey->before = UNKNOWN;
	survey->net = UNKNOWN;
	if (!count_now(surveyor->targets, process, &record))
		return;
	survey->net = memgap_net(&record.counters);
	if (!process->allocator.remembered && fits)
		settle_before(survey, &record);
}

static int64_t *account_of(struct surveyor *surveyor, bool first)
{
	return first ? &surveyor->first_saved_ns : &surveyor->saved_ns;
}

/* One that costs very much is paid for by its own long pause: the others are not to wait for that. */
static void charge(int64_t *account, uint64_t cost_ns)
{
	*account -= (int64_t)cost_ns;
	if (*account < -MOST_OWED_NS)
		*account = -MOST_OWED_NS;
}

static void finish(struct surveyor *surveyor)
{
	uint64_t cost_ns;
	struct look *look = worker_take(surveyor->worker, &cost_ns);
	struct watched_process *process;

	if (!look)
		return;
	charge(account_of(surveyor, look->first), cost_ns);
	process = targets_find(surveyor->targets, look->pid);
	if (process && process->id.start_time != look->start_time)
		process = NULL; /* it is gone, its pid another's */
	if (process)
		process->survey.running = false;
	if (process && process->survey.generation == look->survey.generation)
		keep(surveyor, process, look, cost_ns);
	else
		survey_close(&look->survey);
}

static bool is_first(const struct watched_process *process)
{
	int64_t held = reading_held(&process->reading);

	return !process->survey.at_ns && is_known(held) && held >= FIRST_BYTES;
}

static uint64_t idle_ns(int64_t held)
{
	int64_t times = IDLE_BYTES / held;

	return IDLE_NS * (uint64_t)(times < 1 ? 1 : times > IDLE_MOST_TIMES ? IDLE_MOST_TIMES : times);
}

/* Where probes were away, the heap alone tells what is live: until they are back, and what was there before is known. */
static bool is_missing(const struct watched_process *process)
{
	return process->governed.holes.any && !(governed_is_on(&process->governed) && is_known(process->survey.before));
}

/*
 * How urgent a look is: bytes that nobody has looked into for so long, the more so when they have changed, for the time that it
 * takes; 0: none is due.
 */
static double urgency_of(const struct targets *targets, const struct watched_process *process, uint64_t now)
{
	const struct survey *survey = &process->survey;
	int64_t held = reading_held(&process->reading);
	uint64_t age = now - survey->at_ns, cost = survey->cost_ns > LEAST_COST_NS ? survey->cost_ns : LEAST_COST_NS;
	bool changed = survey_is_behind(targets, process) || is_missing(process);

	if (!is_known(held) || survey->running)
		return 0;
	if (!held)
		held = LEAST_HELD_BYTES;
	/* the small ones are soon done: one large heap is not to keep all others waiting */
	if (!survey->at_ns)
		return NEVER_LOOKED_INTO / (double)held;
	if (age < LEAST_NS || (double)age * targets->options->walk_share < (double)survey->cost_ns || (age < idle_ns(held) && !changed))
		return 0;
	return (double)age / (double)cost * (double)held * (changed ? CHANGED_COUNTS : 1);
}

static struct watched_process *most_urgent(struct surveyor *surveyor, uint64_t now)
{
	const struct targets *targets = surveyor->targets;
	struct watched_process *found = NULL;
	double most = 0;

	for (size_t i = 0; i < targets->n_processes; i++) {
		double urgency = urgency_of(targets, targets->processes[i], now);

		if (urgency > most && *account_of(surveyor, is_first(targets->processes[i])) > 0) {
			most = urgency;
			found = targets->processes[i];
		}
	}
	return found;
}

static void start(struct surveyor *surveyor, struct watched_process *process)
{
	uint64_t slice_ns = surveyor->targets->options->walk_slice_ns;
	bool is_go = surveyor->targets->options->go && survey_is_go(surveyor->targets, process) > 0;
	struct look *next = &surveyor->look;
	struct memgap_process record;

	*next = (struct look){
		.proc_fd = surveyor->targets->proc_fd,
		.pid = process->id.pid,
		.start_time = process->id.start_time,
		.with_heap = surveyor->targets->options->heap,
		.with_go = is_go && !process->survey.go,
		.is_go = is_go,
		.has_c = process->survey.go && go_has_c(process->survey.go),
		.first = is_first(process),
		.budget = surveyor->targets->n_processes > 1 ? among_others : (struct heap_budget){ WALK_NS, AT_ONCE_NS, slice_ns, SLICE_EVERY_NS - slice_ns },
		.survey = process->survey,
	};
	next->survey.held = reading_held(&process->reading);
	next->survey.changes = process->governed.changes;
	next->survey.turnover = count_now(surveyor->targets, process, &record) ? turnover_of(&record) : 0;
	process->survey.running = true;
	process->survey.heap = NULL; /* the look's until it is over */
	next->survey.go = NULL;      /* but this stays in use */
	if (!is_go && next->survey.has_go) {
		targets_settle_go(process); /* it runs another program now */
		next->survey.has_go = process->survey.has_go = false;
	}
	worker_start(surveyor->worker, look_run, next);
}

static void save(int64_t *account, uint64_t passed_ns, double share)
{
	*account += (int64_t)((double)passed_ns * share);
	if (*account > SAVED_NS)
		*account = SAVED_NS;
}

void surveyor_tick(struct surveyor *surveyor)
{
	uint64_t now = monotonic_ns();
	struct watched_process *process;

	save(&surveyor->saved_ns, now - surveyor->accounted_ns, surveyor->targets->options->walk_share);
	save(&surveyor->first_saved_ns, now - surveyor->accounted_ns, fmax(FIRST_SHARE, surveyor->targets->options->walk_share));
	surveyor->accounted_ns = now;
	if (!worker_is_idle(surveyor->worker))
		return;
	process = most_urgent(surveyor, now);
	if (process)
		start(surveyor, process);
}

static void done(void *data)
{
	struct surveyor *surveyor = data;

	finish(surveyor);
	surveyor_tick(surveyor);
}

int surveyor_open(struct targets *targets, struct loop *loop, struct surveyor **ret)
{
	struct surveyor *surveyor = calloc(1, sizeof(*surveyor));
	int result = surveyor ? worker_open(&surveyor->worker) : -ENOMEM;

	if (result) {
		free(surveyor);
		return result;
	}
	surveyor->targets = targets;
	surveyor->loop = loop;
	surveyor->accounted_ns = monotonic_ns();
	surveyor->saved_ns = surveyor->first_saved_ns = SAVED_NS;
	surveyor->watcher = loop_add(loop, worker_fd(surveyor->worker), done, surveyor);
	if (!surveyor->watcher) {
		worker_close(surveyor->worker, &(void *){ NULL });
		free(surveyor);
		return -ENOMEM;
	}
	*ret = surveyor;
	return 0;
}

bool surveyor_close(struct surveyor *surveyor)
{
	void *left;

	if (!surveyor)
		return true;
	loop_remove(surveyor->loop, surveyor->watcher);
	if (!worker_close(surveyor->worker, &left))
		return false;
	if (left)
		survey_close(&surveyor->look.survey);
	free(surveyor);
	return true;
}
