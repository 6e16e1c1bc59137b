// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/trimmer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/units.h"
#include "user/cmd/background.h"
#include "user/cmd/trim_log.h"
#include "user/cmd/trimmer_parts.h"

void trimmer_init(struct trimmer *trimmer, struct trimmer_context *context)
{
	*trimmer = (struct trimmer){ .context = context, .summary = { .reclaimed = UNKNOWN }, .cgroup_fd = -1, .timer_fd = -1 };
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

	trimmer_renew_event(trimmer);
	snprintf(event->action, sizeof(event->action), "%s", trimmer->context->action->text);
	snprintf(event->why, sizeof(event->why), "%s", judgement->why);
	event->before.rss = snapshot->kernel.rss;
	event->before.current = snapshot->kernel.cgroup.current;
	event->predicted = snapshot->gap.trimmable;
	trimmer->context->undone++;
	trimmer_tell_refusal(trimmer);
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
		trimmer_run_round(trimmer, snapshot, judgement, source);
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
	trimmer_begin_round(trimmer, &judgement, source);
	trimmer_renew_event(trimmer);
	trimmer_take_in(trimmer, &candidate);
	trimmer_tell_triggered(trimmer);
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
	trimmer_end_round(trimmer);
}
