// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/run_options.h"

#include <math.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/units.h"
#include "user/cmd/regrowth.h"

#define DEFAULT_OVERHEAD 0.05
#define WALK_SLICE_MOST_NS 1000000000

#define MAX_BLOCKS (1 << 26) /* the kernel takes 32 to 64 bytes for each, at once */

#define usage(err, ...) error_set(err, EXIT_USAGE, __VA_ARGS__)

void run_options_init(struct watch_options *options)
{
	*options = (struct watch_options){
		.interval_ns = 1000000000,
		.probes = true,
		.source = "auto",
		.heap = true,
		.go = true,
		.walk_share = 0.01,
		.walk_slice_ns = 50000000,
		.regrowth_ns = REGROWTH_NS,
		.policy = { .cooldown_ns = 10 * 1000000000ULL },
	};
	trim_options_init(&options->trim);
}

static int take_source(struct watch_options *options, const char *name, struct error *err)
{
	bool automatic = !strcmp(name, "auto"), probe = !strcmp(name, "probe"), heap = !strcmp(name, "heap"), go = !strcmp(name, "go");

	if (!automatic && !probe && !heap && !go && strcmp(name, "none"))
		return usage(err, "unknown source '%s': auto, probe, heap, go or none", name);
	options->source = name;
	options->heap = automatic || probe || heap;
	options->go = automatic || go;
	options->probes = automatic || probe;
	options->insists = probe;
	return 0;
}

static int take_per(struct watch_options *options, const char *name, struct error *err)
{
	if (strcmp(name, "process") && strcmp(name, "cgroup"))
		return usage(err, "unknown --per '%s': process or cgroup", name);
	options->per = strcmp(name, "process") ? PER_CGROUP : PER_PROCESS;
	return 0;
}

static int take_trim_at(struct watch_options *options, const char *text, struct error *err)
{
	if (!trim_policy_parse(text, &options->policy))
		return 0;
	return usage(err, "'%s' is no threshold: [alloc:|gap:|trimmable:|rss:|cgroup:]SIZE or …PERCENT%%, "
		     "as in 100MiB, rss:1GiB, cgroup:90%%", text);
}

static int take_max_blocks(struct watch_options *options, const char *text, struct error *err)
{
	int64_t blocks;

	if (parse_count(text, MAX_BLOCKS, &blocks))
		return usage(err, "'%s' is no number of blocks: a whole number from 1 to %d", text, MAX_BLOCKS);
	options->limits.blocks = (unsigned int)blocks;
	return 0;
}

static int take_walk_budget(struct watch_options *options, const char *text, struct error *err)
{
	const char *comma = strchrnul(text, ',');
	char *share = strndup(text, (size_t)(comma - text));
	bool bad;

	if (!share)
		return error_set(err, EXIT_FAILED, "out of memory");
	bad = parse_share(share, &options->walk_share) ||
	      (*comma && (parse_duration(comma + 1, &options->walk_slice_ns) || options->walk_slice_ns > WALK_SLICE_MOST_NS));
	free(share);
	return bad ? usage(err, "'%s' is no budget: 1%%, or 1%%,50ms; up to 100%%,1s", text) : 0;
}

int run_options_take(struct watch_options *options, int option, char *argv[], struct error *err)
{
	int result;

	switch (option) {
	case 'i':
		return parse_duration(optarg, &options->interval_ns) ?
			       usage(err, "'%s' is no interval: 200ms, 1s or 1m, and more than 0", optarg) : 0;
	case 's':
		return take_source(options, optarg, err);
	case OPTION_PER:
		return take_per(options, optarg, err);
	case OPTION_TRIM_AT:
		return take_trim_at(options, optarg, err);
	case OPTION_COOLDOWN:
		options->cooldown_given = true;
		return parse_duration(optarg, &options->policy.cooldown_ns) ?
			       usage(err, "'%s' is no cooldown: 200ms, 10s or 1m, and more than 0", optarg) : 0;
	case OPTION_MAX_BLOCKS:
		return take_max_blocks(options, optarg, err);
	case OPTION_WALK_BUDGET:
		return take_walk_budget(options, optarg, err);
	case OPTION_MAX_OVERHEAD:
		return parse_share(optarg, &options->max_overhead) ?
			       usage(err, "'%s' is no overhead: 5%%, 0.5%%, and more than 0", optarg) : 0;
	default:
		if (trim_options_take(&options->trim, option, &result, err))
			return result;
		return target_options_take(&options->targets, option, argv, err);
	}
}

int run_options_check_reclaim(const struct watch_options *options, struct error *err)
{
	if (options->trim.action.kind == ACTION_RECLAIM && !options->targets.n_cgroups && !options->targets.n_containers)
		return usage(err, RECLAIM_NEEDS_CGROUP);
	return 0;
}

static int check(struct watch_options *options, struct error *err)
{
	const struct trim_policy *policy = &options->policy;
	bool named = target_options_name_any(&options->targets) || options->command;
	bool needs_view = policy->enabled && policy->metric != METRIC_RSS && policy->metric != METRIC_CGROUP;
	bool has_view = options->heap || options->go;

	if (!named && !options->targets.all)
		return usage(err, "nothing to watch: give -p PID, -c CGROUP, -n CONTAINER, -a or -- COMMAND");
	if (!named && options->insists)
		return usage(err, "-a puts no probes on anything: name what is to be probed, with -p or -c (-c / for all)");
	if (!named && policy->enabled)
		return usage(err, "-a has nothing trimmed: name what --trim-at is for, with -p, -c or -n");
	if (options->max_overhead > 0 && named && !options->probes)
		return usage(err, "--max-overhead is for probes, --source %s has none", options->source);
	if (options->max_overhead <= 0)
		options->max_overhead = options->insists ? INFINITY : DEFAULT_OVERHEAD;
	options->probes &= named;
	if ((options->trim.given || options->cooldown_given) && !options->trims)
		return usage(err, "%s says how to trim, but not when: give --trim-at too",
			     options->trim.given ? options->trim.given : "--cooldown");
	if (run_options_check_reclaim(options, err))
		return -1;
	if (needs_view && !has_view)
		return usage(err, "with --source none %s is not known: --trim-at rss:SIZE or cgroup:SIZE", metric_name(policy->metric));
	return 0;
}

int run_options_complete(struct watch_options *options, struct error *err)
{
	trim_options_complete(&options->trim);
	options->policy.forced = options->trim.forced;
	options->trims |= options->policy.enabled;
	return check(options, err);
}
