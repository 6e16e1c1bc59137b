// SPDX-License-Identifier: GPL-2.0-only
#include "user/trim/decide.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/units.h"

static int parse_metric(const char *text, size_t length, enum trim_metric *ret)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		const char *name = metric_name((enum trim_metric)i);

		if (strlen(name) == length && !strncmp(text, name, length)) {
			*ret = (enum trim_metric)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_percent(const char *text, int *ret_percent)
{
	char digits[4] = "";
	int64_t percent;
	size_t length = strlen(text) - 1;

	if (length >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, length);
	if (parse_count(digits, 100, &percent))
		return -EINVAL;
	*ret_percent = (int)percent;
	return 0;
}

int trim_policy_parse(const char *text, struct trim_policy *policy)
{
	const char *colon = strchr(text, ':'), *value = colon ? colon + 1 : text;
	enum trim_metric metric = METRIC_ALLOC;
	int64_t bytes = 0;
	int percent = 0, result = 0;

	if (colon)
		result = parse_metric(text, (size_t)(colon - text), &metric);
	if (result)
		return result;
	if (*value && value[strlen(value) - 1] == '%')
		result = parse_percent(value, &percent);
	else
		result = parse_size(value, &bytes) || !bytes ? -EINVAL : 0;
	if (result)
		return result;
	policy->enabled = true;
	policy->metric = metric;
	policy->threshold_bytes = bytes;
	policy->threshold_percent = percent;
	return 0;
}

/* The low mark is so much of the threshold below it; a trim that brings less than that brings little. */
#define BAND_PART 20

/* Ten seconds become eleven minutes. */
#define MOST_BACKOFF 6

static int64_t band_of(int64_t threshold)
{
	return threshold / BAND_PART;
}

static int64_t value_of(enum trim_metric metric, const struct snapshot *snapshot)
{
	switch (metric) {
	case METRIC_ALLOC:
		return snapshot->allocator.alloc;
	case METRIC_GAP:
		return snapshot->gap.bytes;
	case METRIC_TRIMMABLE:
		return snapshot->gap.trimmable;
	case METRIC_RSS:
		return snapshot->kernel.rss;
	case METRIC_CGROUP:
		return snapshot->kernel.cgroup.current;
	default:
		return UNKNOWN;
	}
}

static int64_t threshold_of(const struct trim_policy *policy, const struct snapshot *snapshot)
{
	if (policy->threshold_bytes)
		return policy->threshold_bytes;
	if (!is_known(snapshot->kernel.cgroup.limit))
		return UNKNOWN;
	return snapshot->kernel.cgroup.limit / 100 * policy->threshold_percent;
}

static bool is_hopeless(enum verdict verdict)
{
	return verdict == VERDICT_GROWING || verdict == VERDICT_IN_USE || verdict == VERDICT_PINNED;
}

static enum action_kind choose(enum action_kind wanted, enum verdict verdict, bool forced)
{
	if (wanted != ACTION_AUTO)
		return is_hopeless(verdict) && !forced ? ACTION_NONE : wanted;
	if (verdict == VERDICT_CACHE)
		return ACTION_RECLAIM;
	return verdict == VERDICT_RETAINED || forced ? ACTION_SIGNAL : ACTION_NONE;
}

static void say_no_help(enum verdict verdict, struct trim_judgement *ret)
{
	if (is_hopeless(verdict))
		snprintf(ret->why, sizeof(ret->why), "it is %s: a trim cannot help (--force asks all the same)", verdict_name(verdict));
	else
		snprintf(ret->why, sizeof(ret->why),
			 "it is %s: neither the allocator nor the page cache is known to have anything to give (--force asks all the same)",
			 verdict_name(verdict));
}

static uint64_t wait_of(const struct trim_policy *policy, const struct trim_state *state)
{
	return policy->cooldown_ns << state->backoff;
}

static bool is_cooling(const struct trim_policy *policy, const struct trim_state *state, uint64_t now_ns)
{
	return state->last_ns && now_ns - state->last_ns < wait_of(policy, state);
}

static void follow(struct trim_state *state, const struct trim_judgement *judgement, uint64_t now_ns)
{
	if (judgement->reason.value < judgement->reason.threshold)
		state->below_ns = now_ns;
	if (!state->past && judgement->reason.value >= judgement->reason.threshold) {
		state->past = true;
		state->past_ns = now_ns;
	} else if (judgement->reason.value < judgement->low) {
		state->past = false;
	}
}

/* What is in its heap now is looked for before it is asked; not for long, where it changes all the time. */
#define LOOK_NS 3000000000ULL

static bool is_awaited(const struct snapshot *snapshot, const struct trim_state *state, uint64_t now_ns)
{
	return snapshot->allocator.awaited || (snapshot->allocator.behind && now_ns - state->past_ns < LOOK_NS);
}

static enum trim_decision decide(const struct trim_policy *policy, enum action_kind wanted, const struct snapshot *snapshot,
				 uint64_t now_ns, const struct trim_state *state, struct trim_judgement *ret)
{
	if (!state->past)
		return TRIM_BELOW;
	if (is_awaited(snapshot, state, now_ns) && !policy->forced)
		return TRIM_AWAITED;
	ret->kind = choose(wanted, snapshot->gap.verdict, policy->forced);
	if (ret->kind == ACTION_NONE) {
		say_no_help(snapshot->gap.verdict, ret);
		return TRIM_HELPLESS;
	}
	if (!is_cooling(policy, state, now_ns))
		return TRIM_NOW;
	snprintf(ret->why, sizeof(ret->why), "asked %.0f s ago, and not again before %.0f s are over",
		 (double)(now_ns - state->last_ns) / 1e9, (double)wait_of(policy, state) / 1e9);
	return TRIM_COOLING;
}

void trim_decide(const struct trim_policy *policy, enum action_kind wanted, const struct snapshot *snapshot, uint64_t now_ns,
		 struct trim_state *state, struct trim_judgement *ret)
{
	int64_t value = value_of(policy->metric, snapshot), threshold = threshold_of(policy, snapshot);

	*ret = (struct trim_judgement){ .decision = TRIM_CANNOT_TELL, .reason = { policy->metric, value, threshold }, .low = UNKNOWN };
	if (!is_known(threshold)) {
		snprintf(ret->why, sizeof(ret->why), "its cgroup has no memory limit, so a threshold in percent means nothing");
	} else if (!is_known(value)) {
		ret->decision = snapshot->allocator.awaited ? TRIM_AWAITED : TRIM_CANNOT_TELL;
		snprintf(ret->why, sizeof(ret->why), "%s is not known: %.300s", metric_name(policy->metric), snapshot->gap.why);
	} else {
		ret->low = threshold - band_of(threshold);
		follow(state, ret, now_ns);
		ret->decision = decide(policy, wanted, snapshot, now_ns, state, ret);
	}
}

void trim_judge_request(const struct trim_policy *policy, enum action_kind wanted, const struct snapshot *snapshot,
			struct trim_judgement *ret)
{
	*ret = (struct trim_judgement){ .decision = TRIM_NOW, .reason = { METRIC_RSS, snapshot->kernel.rss, UNKNOWN }, .low = UNKNOWN };
	ret->kind = choose(wanted, snapshot->gap.verdict, policy->forced);
	if (ret->kind != ACTION_NONE)
		return;
	ret->decision = TRIM_HELPLESS;
	say_no_help(snapshot->gap.verdict, ret);
}

bool trim_may_cross(const struct trim_policy *policy, enum action_kind wanted, const struct snapshot *snapshot, uint64_t now_ns,
		    const struct trim_state *state)
{
	return !state->past && !is_cooling(policy, state, now_ns) && (policy->forced || !snapshot->allocator.awaited) &&
	       choose(wanted, snapshot->gap.verdict, policy->forced) == ACTION_SIGNAL;
}

void trim_asked(struct trim_state *state, uint64_t now_ns)
{
	state->past = true;
	state->last_ns = now_ns;
}

void trim_settle(struct trim_state *state, int64_t threshold, int64_t reclaimed)
{
	bool pays = is_known(reclaimed) && reclaimed > 0 && reclaimed >= band_of(threshold);

	if (pays)
		state->backoff = 0;
	else if (state->backoff < MOST_BACKOFF)
		state->backoff++;
}

static int64_t cache_of(const struct snapshot *snapshot)
{
	const struct cgroup_memory *memory = &snapshot->kernel.cgroup;

	return known_sub(memory->file, is_known(memory->shmem) ? memory->shmem : 0);
}

int64_t trim_wanted(enum action_kind wanted, const struct trim_judgement *judgement, const struct snapshot *snapshot, bool *ret_cache_only)
{
	int64_t above = known_sub(judgement->reason.value, judgement->low), cache = cache_of(snapshot);
	bool has_mark = judgement->reason.metric == METRIC_CGROUP && is_known(above);

	*ret_cache_only = wanted == ACTION_AUTO || !has_mark;
	if (!has_mark || (wanted == ACTION_AUTO && is_known(cache) && cache < above))
		return cache;
	return above > 0 ? above : 0;
}

int64_t trim_predict(enum action_kind kind, const struct snapshot *snapshot, int64_t wanted)
{
	int64_t cache = cache_of(snapshot);

	switch (kind) {
	case ACTION_SIGNAL:
	case ACTION_PRESSURE:
		return snapshot->gap.trimmable;
	case ACTION_RECLAIM:
		return is_known(cache) && is_known(wanted) && wanted < cache ? wanted : cache;
	default:
		return UNKNOWN; /* a command may do anything */
	}
}
