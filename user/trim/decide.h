/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a target is to be trimmed now, and how. Pure: the clock is an argument.
 *
 * A target that reaches its threshold is past it until it has come down to the low mark, a twentieth below: so long it is asked
 * again, but not before the cooldown is over; and that doubles with each trim that brings little, until one pays.
 */
#ifndef MEMGAP_TRIM_DECIDE_H
#define MEMGAP_TRIM_DECIDE_H

#include <stdbool.h>

#include "user/trim/action.h"
#include "user/trim/event.h"

struct trim_policy {
	bool enabled;
	bool forced;               /* also where the verdict says that a trim cannot help */
	enum trim_metric metric;
	int64_t threshold_bytes;   /* or, if that is 0: */
	int threshold_percent;     /* of the cgroup's limit, the lowest on the way up */
	uint64_t cooldown_ns;      /* the least time between two trims of one target */
};

/* Of one target; all 0 at the start. Times: CLOCK_MONOTONIC, 0: never. */
struct trim_state {
	bool past;            /* the threshold, and not down at the low mark since */
	unsigned int backoff; /* so often the cooldown is doubled */
	uint64_t last_ns;     /* somebody was asked */
	uint64_t below_ns;    /* it was last seen below the threshold, */
	uint64_t past_ns;     /* and first seen past it */
};

struct trim_judgement {
	enum trim_decision decision;
	enum action_kind kind;   /* what is to be done, if the decision is TRIM_NOW; never ACTION_AUTO */
	struct trim_reason reason;
	int64_t low;             /* the low mark, bytes */
	char why[WHY_MAX];       /* "" where the figures say it all */
};

/*
 * "[METRIC:]VALUE", VALUE a size or a percentage of the cgroup's limit. -EINVAL when malformed. Of the policy, only what the text
 * says is changed.
 */
int trim_policy_parse(const char *text, struct trim_policy *policy);

/* Brings the state up to date. What is not known in the judgement is UNKNOWN. */
void trim_decide(const struct trim_policy *policy, enum action_kind wanted, const struct snapshot *snapshot, uint64_t now_ns,
		 struct trim_state *state, struct trim_judgement *ret);

/* The same for a user who asks for a trim now: there is no threshold, and nothing is waited for. */
void trim_judge_request(const struct trim_policy *policy, enum action_kind wanted, const struct snapshot *snapshot,
			struct trim_judgement *ret);

/* Whether the next crossing of the threshold may be acted on without another look: by the kernel side, in its midst. */
bool trim_may_cross(const struct trim_policy *policy, enum action_kind wanted, const struct snapshot *snapshot, uint64_t now_ns,
		    const struct trim_state *state);

/* Somebody was asked; and what came of it, bytes. */
void trim_asked(struct trim_state *state, uint64_t now_ns);
void trim_settle(struct trim_state *state, int64_t threshold, int64_t reclaimed);

/* What an action is expected to bring, bytes; UNKNOWN where that cannot be told. wanted: no more is asked of the kernel. */
int64_t trim_predict(enum action_kind kind, const struct snapshot *snapshot, int64_t wanted);

/*
 * Bytes that the kernel is to take back: down to the low mark, or all page cache. cache_only: from nothing else, for it is neither a
 * cgroup's threshold nor reclaim that the user has asked for.
 */
int64_t trim_wanted(enum action_kind wanted, const struct trim_judgement *judgement, const struct snapshot *snapshot, bool *ret_cache_only);

#endif
