// SPDX-License-Identifier: GPL-2.0-only
/* A round: who is asked, one after the other, or what is done to the cgroup; and what is told of it. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/cmd/background.h"
#include "user/cmd/trim_log.h"
#include "user/cmd/trim_options.h"
#include "user/cmd/trimmer_parts.h"
#include "user/trim/reclaim.h"

/* Of several processes, one with less to give is not asked. */
#define LITTLE_BYTES (64 << 10)

static void close_candidates(struct trim_round *round)
{
	while (round->next < round->n)
		pid_close(&round->candidates[round->next++].id);
}

static bool is_done(enum trim_outcome outcome)
{
	return outcome == TRIM_TRIMMED || outcome == TRIM_NOTHING || outcome == TRIM_DRY_RUN;
}

void trimmer_end_round(struct trimmer *trimmer)
{
	struct trim_round *round = &trimmer->round;

	close_candidates(round);
	if (trimmer->cgroup_fd >= 0)
		close(trimmer->cgroup_fd);
	trimmer->cgroup_fd = -1;
	trimmer->running = false;
	trimmer->context->running--;
	trimmer->context->undone += !is_done(trimmer->summary.outcome);
	if (round->asked && !round->action.dry_run)
		trim_settle(&trimmer->state, round->judgement.reason.threshold, round->reclaimed);
}

/* A refusal is told once, not at each cooldown, unless its reason changes. */
void trimmer_tell_refusal(struct trimmer *trimmer)
{
	struct trim_event *event = &trimmer->event;

	event->after.rss = event->before.rss;
	event->after.current = event->before.current;
	trimmer->summary.outcome = event->outcome;
	trimmer->summary.reclaimed = UNKNOWN;
	if (event->outcome != TRIM_DRY_RUN && !strcmp(event->why, trimmer->told_why))
		return;
	memcpy(trimmer->told_why, event->why, sizeof(trimmer->told_why));
	output_trim_triggered(trimmer->context->output, event);
	trimmer_tell_end(trimmer);
}

/* It has been done to whom the event names, or to the cgroup. */
void trimmer_tell_triggered(struct trimmer *trimmer)
{
	trimmer->told_why[0] = '\0';
	trimmer->n_gone = 0;
	trimmer->round.asked++;
	trimmer->summary.count++;
	trimmer->context->count++;
	trimmer->event.outcome = TRIM_NOTHING; /* until measured */
	output_trim_triggered(trimmer->context->output, &trimmer->event);
}

/* The event of the next one in the round. */
void trimmer_renew_event(struct trimmer *trimmer)
{
	struct trim_event *event = &trimmer->event;

	clock_gettime(CLOCK_REALTIME, &event->now);
	event->n_pids = 0;
	event->predicted = event->reclaimed = UNKNOWN;
	event->before.rss = event->after.rss = event->after.current = UNKNOWN;
	event->before.current = trimmer_read_current(trimmer);
	event->took_ms = NAN;
	event->outcome = TRIM_REFUSED;
	trimmer->start_ns = monotonic_ns();
}

void trimmer_take_in(struct trimmer *trimmer, const struct trim_candidate *candidate)
{
	struct trim_event *event = &trimmer->event;

	event->before.rss = event->n_pids ? known_add(event->before.rss, candidate->rss) : candidate->rss;
	event->predicted = event->n_pids ? known_add(event->predicted, candidate->trimmable) : candidate->trimmable;
	event->pids[event->n_pids] = candidate->id.pid;
	trimmer->asked[event->n_pids++] = *candidate;
}

/* Of several: another may do it, then nothing is told of this one but in the log. */
static void log_refusal(struct trimmer *trimmer, const struct trim_candidate *candidate, enum trim_outcome outcome)
{
	struct trim_event event = trimmer->event;

	if (trimmer->round.n == 1)
		return;
	event.outcome = outcome;
	event.n_pids = 0;
	event.before.rss = event.after.rss = candidate->rss;
	event.predicted = candidate->trimmable;
	trim_log_event(trimmer->context->log, &event);
}

/* The next one that expects it; when there is none left, the round is over. */
static void ask_next(struct trimmer *trimmer)
{
	struct trim_round *round = &trimmer->round;
	const struct trimmer_context *context = trimmer->context;
	struct trim_event *event = &trimmer->event;
	enum trim_outcome outcome = TRIM_REFUSED;

	trimmer_renew_event(trimmer);
	while (round->next < round->n) {
		struct trim_candidate *candidate = &round->candidates[round->next++];

		switch (trim_act(&round->action, context->gate, context->proc_fd, &candidate->id, event->why, sizeof(event->why))) {
		case ACT_DONE:
			trimmer_take_in(trimmer, candidate);
			trimmer_tell_triggered(trimmer);
			trimmer_measure(trimmer);
			return;
		case ACT_DRY_RUN:
			trimmer_take_in(trimmer, candidate);
			outcome = TRIM_DRY_RUN;
			continue; /* closed with the event */
		case ACT_FAILED:
			log_refusal(trimmer, candidate, TRIM_FAILED);
			outcome = outcome == TRIM_DRY_RUN ? outcome : TRIM_FAILED;
			break;
		default:
			log_refusal(trimmer, candidate, TRIM_REFUSED);
			break;
		}
		pid_close(&candidate->id);
	}
	event->outcome = outcome;
	if (outcome == TRIM_DRY_RUN)
		snprintf(event->why, sizeof(event->why), "dry run: nothing was done");
	if (!round->asked)
		trimmer_tell_refusal(trimmer);
	trimmer_end_round(trimmer);
}

void trimmer_go_on(struct trimmer *trimmer)
{
	struct trim_round *round = &trimmer->round;
	int64_t current = round->judgement.reason.metric == METRIC_CGROUP ? trimmer->event.after.current : UNKNOWN;

	if (is_known(trimmer->event.reclaimed)) {
		round->reclaimed += trimmer->event.reclaimed;
		round->left = is_known(round->left) ? round->left - trimmer->event.reclaimed : UNKNOWN;
	}
	if (is_known(current))
		round->left = known_sub(current, round->judgement.low);
	if (is_known(round->left) && round->left <= 0)
		trimmer_end_round(trimmer);
	else
		ask_next(trimmer);
}

/* Those that are known to have nothing are left alone: among them whoever leaks. */
static void leave_out_helpless(struct trim_round *round)
{
	size_t kept = 0;

	for (size_t i = 0; i < round->n; i++) {
		if (round->candidates[i].most < LITTLE_BYTES)
			pid_close(&round->candidates[i].id);
		else
			round->candidates[kept++] = round->candidates[i];
	}
	round->n = kept;
}

static void ask(struct trimmer *trimmer, bool is_cgroup, const struct error *err)
{
	struct trim_round *round = &trimmer->round;
	bool choosy = is_cgroup && round->n > 1 && !round->action.forced;

	snprintf(trimmer->event.why, sizeof(trimmer->event.why), "%.*s", WHY_MAX - 1, err->text[0] ? err->text : "no process is left to ask");
	if (choosy)
		leave_out_helpless(round);
	if (choosy && !round->n && !err->text[0])
		snprintf(trimmer->event.why, sizeof(trimmer->event.why), "none of its processes has anything to give back");
	ask_next(trimmer);
}

/* Whether there is something to be taken back from it, and it can be done; else the event says why not. */
static bool can_reclaim(struct trimmer *trimmer, const struct snapshot *snapshot, int64_t wanted)
{
	struct trim_event *event = &trimmer->event;
	bool forced = trimmer->round.action.forced;

	if (snapshot->target.kind != TARGET_CGROUP)
		snprintf(event->why, sizeof(event->why), "%s", RECLAIM_NEEDS_CGROUP);
	else if (reclaim_check(trimmer->cgroup_fd, trimmer->cgroup_version, forced, event->why, sizeof(event->why)))
		return false;
	else if (trimmer->cgroup_version == 1 || wanted > 0)
		return true;
	else
		snprintf(event->why, sizeof(event->why), is_known(wanted) ? "it has no page cache" : "its page cache is not known");
	return false;
}

/* A reclaim, or a command. false: nothing was begun, the event says why. */
static bool act_in_background(struct trimmer *trimmer, const struct snapshot *snapshot)
{
	struct trim_round *round = &trimmer->round;
	struct trim_event *event = &trimmer->event;
	bool reclaims = round->action.kind == ACTION_RECLAIM, cache_only;
	int64_t wanted = trim_wanted(trimmer->context->action->kind, &round->judgement, snapshot, &cache_only);

	event->outcome = TRIM_REFUSED;
	if (reclaims && !can_reclaim(trimmer, snapshot, wanted))
		return false;
	while (!reclaims && round->next < round->n)
		trimmer_take_in(trimmer, &round->candidates[round->next++]);
	/* version 1 gives up all of it, whatever is wanted */
	event->predicted = trim_predict(round->action.kind, snapshot, reclaims && trimmer->cgroup_version == 1 ? UNKNOWN : wanted);
	if (round->action.dry_run) {
		event->outcome = TRIM_DRY_RUN;
		snprintf(event->why, sizeof(event->why), "dry run: nothing was done");
		return false;
	}
	if (reclaims)
		return background_reclaim(trimmer->context->background, trimmer, wanted, cache_only);
	return background_exec(trimmer->context->background, trimmer, snapshot);
}

void trimmer_begin_round(struct trimmer *trimmer, const struct trim_judgement *judgement, const struct trim_source *source)
{
	struct trim_round *round = &trimmer->round;

	*round = (struct trim_round){ .judgement = *judgement, .left = known_sub(judgement->reason.value, judgement->low) };
	trim_action_choose(trimmer->context->action, judgement->kind, &round->action);
	snprintf(trimmer->event.action, sizeof(trimmer->event.action), "%s", round->action.text);
	trimmer->cgroup_fd = source->open_cgroup(source->data);
	trimmer->cgroup_version = source->cgroup_version;
	trimmer->running = true;
	trimmer->context->running++;
	trim_asked(&trimmer->state, monotonic_ns());
}

void trimmer_run_round(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_judgement *judgement,
		 const struct trim_source *source)
{
	struct trim_round *round = &trimmer->round;
	struct error err = { .text = "" };

	trimmer_begin_round(trimmer, judgement, source);
	trimmer_renew_event(trimmer);
	if (round->action.kind != ACTION_RECLAIM)
		round->n = source->list(round->candidates, &err, source->data);
	if (round->action.kind == ACTION_SIGNAL || round->action.kind == ACTION_PRESSURE) {
		ask(trimmer, snapshot->target.kind == TARGET_CGROUP, &err);
	} else if (act_in_background(trimmer, snapshot)) {
		trimmer_tell_triggered(trimmer);
	} else {
		trimmer_tell_refusal(trimmer);
		trimmer_end_round(trimmer);
	}
}
