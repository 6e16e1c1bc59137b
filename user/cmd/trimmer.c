// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/trimmer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/units.h"
#include "user/cmd/background.h"
#include "user/cmd/trim_log.h"
#include "user/cmd/trim_options.h"
#include "user/cmd/trimmer_parts.h"
#include "user/trim/reclaim.h"

void trimmer_init(struct trimmer *trimmer, struct trimmer_context *context)
{
	*trimmer = (struct trimmer){ .context = context, .cgroup_fd = -1, .timer_fd = -1 };
}

static void close_candidates(struct trim_round *round)
{
	while (round->next < round->n)
		pid_close(&round->candidates[round->next++].id);
}

static bool is_done(enum trim_outcome outcome)
{
	return outcome == TRIM_TRIMMED || outcome == TRIM_NOTHING || outcome == TRIM_DRY_RUN;
}

static void end_round(struct trimmer *trimmer)
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
static void tell_refusal(struct trimmer *trimmer)
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
static void tell_triggered(struct trimmer *trimmer)
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
static void renew_event(struct trimmer *trimmer)
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

static void take_in(struct trimmer *trimmer, const struct trim_candidate *candidate)
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

	renew_event(trimmer);
	while (round->next < round->n) {
		struct trim_candidate *candidate = &round->candidates[round->next++];

		switch (trim_act(&round->action, context->gate, context->proc_fd, &candidate->id, event->why, sizeof(event->why))) {
		case ACT_DONE:
			take_in(trimmer, candidate);
			tell_triggered(trimmer);
			trimmer_measure(trimmer);
			return;
		case ACT_DRY_RUN:
			take_in(trimmer, candidate);
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
		tell_refusal(trimmer);
	end_round(trimmer);
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
		end_round(trimmer);
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

static void ask(struct trimmer *trimmer, bool is_cgroup)
{
	struct trim_round *round = &trimmer->round;
	bool choosy = is_cgroup && round->n > 1 && !round->action.forced;

	snprintf(trimmer->event.why, sizeof(trimmer->event.why), "no process is left to ask");
	if (choosy)
		leave_out_helpless(round);
	if (choosy && !round->n)
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
		take_in(trimmer, &round->candidates[round->next++]);
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

static void begin_round(struct trimmer *trimmer, const struct trim_judgement *judgement, const struct trim_source *source)
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

static void begin_event(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_judgement *judgement,
			enum trim_caller caller, double late_ms)
{
	trimmer->event = (struct trim_event){
		.target = snapshot->target,
		.reason = judgement->reason,
		.verdict = snapshot->gap.verdict,
		.caller = caller,
		.late_ms = late_ms,
	};
}

static void trim(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_judgement *judgement,
		 const struct trim_source *source)
{
	struct trim_round *round = &trimmer->round;

	begin_round(trimmer, judgement, source);
	renew_event(trimmer);
	if (round->action.kind != ACTION_RECLAIM)
		round->n = source->list(round->candidates, source->data);
	if (round->action.kind == ACTION_SIGNAL || round->action.kind == ACTION_PRESSURE) {
		ask(trimmer, snapshot->target.kind == TARGET_CGROUP);
	} else if (act_in_background(trimmer, snapshot)) {
		tell_triggered(trimmer);
	} else {
		tell_refusal(trimmer);
		end_round(trimmer);
	}
}

static void tell_unknown(struct trimmer *trimmer, const struct snapshot *snapshot, const char *why)
{
	char name[TARGET_PATH_MAX];

	if (trimmer->told_unknown)
		return;
	trimmer->told_unknown = true;
	format_target(name, sizeof(name), &snapshot->target);
	log_message("%s: %s: no trim", name, why);
}

static void tell_no_help(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_judgement *judgement)
{
	struct trim_event *event = &trimmer->event;

	renew_event(trimmer);
	snprintf(event->action, sizeof(event->action), "%s", trimmer->context->action->text);
	snprintf(event->why, sizeof(event->why), "%s", judgement->why);
	event->before.rss = snapshot->kernel.rss;
	event->before.current = snapshot->kernel.cgroup.current;
	event->predicted = snapshot->gap.trimmable;
	trimmer->context->undone++;
	tell_refusal(trimmer);
}

/* By a tick: at most so long has it been past its threshold. */
static double late_by_tick(uint64_t below_ns, uint64_t last_ns, uint64_t now_ns)
{
	return below_ns > last_ns ? (double)(now_ns - below_ns) / 1e6 : NAN;
}

static void act_on(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_judgement *judgement,
		   const struct trim_source *source)
{
	switch (judgement->decision) {
	case TRIM_CANNOT_TELL:
		tell_unknown(trimmer, snapshot, judgement->why);
		break;
	case TRIM_BELOW:
		trimmer->told_why[0] = '\0';
		break;
	case TRIM_HELPLESS:
		tell_no_help(trimmer, snapshot, judgement);
		break;
	case TRIM_NOW:
		trim(trimmer, snapshot, judgement, source);
		break;
	default:
		break;
	}
}

void trimmer_look(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_source *source, enum trim_caller caller,
		  double late_ms)
{
	const struct trimmer_context *context = trimmer->context;
	uint64_t now_ns = monotonic_ns(), below_ns = trimmer->state.below_ns, last_ns = trimmer->state.last_ns;
	struct trim_judgement judgement;

	if (!context->policy->enabled)
		return;
	trim_decide(context->policy, context->action->kind, snapshot, now_ns, &trimmer->state, &judgement);
	if (trimmer->running && judgement.decision == TRIM_NOW)
		judgement.decision = TRIM_BUSY;
	trim_log_look(context->log, snapshot, &judgement);
	if (trimmer->running)
		return;
	begin_event(trimmer, snapshot, &judgement, caller, caller == CALLER_TICK ? late_by_tick(below_ns, last_ns, now_ns) : late_ms);
	act_on(trimmer, snapshot, &judgement, source);
}

void trimmer_trim(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_source *source)
{
	const struct trimmer_context *context = trimmer->context;
	struct trim_judgement judgement;

	trim_judge_request(context->policy, context->action->kind, snapshot, &judgement);
	trim_log_look(context->log, snapshot, &judgement);
	begin_event(trimmer, snapshot, &judgement, CALLER_USER, NAN);
	trimmer->told_why[0] = '\0'; /* who asks is answered each time */
	act_on(trimmer, snapshot, &judgement, source);
}

void trimmer_force(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_source *source)
{
	struct trimmer_context *context = trimmer->context;
	const struct trim_policy *policy = context->policy;
	const struct trim_action *action = context->action;
	struct trim_policy forced_policy = *policy;
	struct trim_action forced_action = *action;

	forced_policy.forced = forced_action.forced = true;
	context->policy = &forced_policy;
	context->action = &forced_action;
	trimmer_trim(trimmer, snapshot, source); /* the round has a copy of the action */
	context->policy = policy;
	context->action = action;
}

void trimmer_crossed(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_crossing *crossing,
		     const struct trim_source *source)
{
	struct trim_judgement judgement = {
		.decision = TRIM_NOW,
		.kind = ACTION_SIGNAL,
		.reason = { METRIC_ALLOC, crossing->value, crossing->threshold },
		.low = crossing->value, /* nobody else is asked in this round */
	};
	struct trim_candidate candidate = { crossing->id, crossing->rss, snapshot->allocator.behind ? UNKNOWN : snapshot->gap.trimmable,
					     crossing->rss };

	trim_log_look(trimmer->context->log, snapshot, &judgement);
	if (trimmer->running)
		trimmer_finish(trimmer);
	begin_event(trimmer, snapshot, &judgement, CALLER_KERNEL, crossing->late_ms);
	begin_round(trimmer, &judgement, source);
	renew_event(trimmer);
	take_in(trimmer, &candidate);
	tell_triggered(trimmer);
	if (candidate.id.pidfd < 0) {
		trimmer->n_gone = 1;
		snprintf(trimmer->event.why, sizeof(trimmer->event.why), "pid %d has exited", candidate.id.pid);
	}
	trimmer_measure(trimmer);
}

void trimmer_finish(struct trimmer *trimmer)
{
	if (!trimmer->running)
		return;
	if (background_forget(trimmer->context->background, trimmer)) {
		trimmer->event.outcome = trimmer->summary.outcome = TRIM_FAILED;
		trimmer->event.took_ms = (double)(monotonic_ns() - trimmer->start_ns) / 1e6;
		snprintf(trimmer->event.why, sizeof(trimmer->event.why), "the end of it was not waited for");
		trimmer_tell_end(trimmer);
	}
	trimmer_end_measure(trimmer);
	end_round(trimmer);
}
