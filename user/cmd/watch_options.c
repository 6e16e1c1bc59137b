// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/watch_options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/units.h"
#include "user/cmd/regrowth.h"

const char watch_usage[] =
	"usage: memgap watch [TARGET...] [OPTIONS] [-- COMMAND [ARG...]]\n"
	"\n"
	"Prints a line per target per interval: what the program allocated and still holds, next to\n"
	"what the kernel charges for it. Needs root.\n"
	"\n"
	"Targets, any number of them:\n"
	TARGET_USAGE
	"  -- COMMAND                start it and watch it from its first instruction; with --trim-with pressure it\n"
	"                            is offered a FIFO to listen at, in $MEMORY_PRESSURE_WATCH\n"
	"\n"
	"Options:\n"
	"  -i, --interval DUR        200ms, 1s, 1m (default 1s)\n"
	"  -N, --count N             stop after N intervals (default: endless)\n"
	"  -o, --format line|table|json\n"
	"                            JSON is one object a line (default: line for one target, table for\n"
	"                            several, the largest gap first)\n"
	"  -s, --source auto|probe|heap|go|none\n"
	"                            probe: every malloc and free is counted; heap: what the heap says (glibc);\n"
	"                            go: what Go's runtime says; none: the kernel's view alone; auto: of each\n"
	"                            process what tells most and costs it least (default)\n"
	"      --per process|cgroup  a line per process or per cgroup (default: as the target is)\n"
	"      --trim-at [METRIC:]VALUE\n"
	"                            METRIC: alloc (default), gap, trimmable, rss, cgroup; VALUE: 100MiB, or\n"
	"                            90% of the cgroup's limit\n"
	TRIM_USAGE
	"      --cooldown DUR        the least time between two trims of one target (default 10s)\n"
	"      --max-overhead PCT    what probes may cost a process, of a core (default 5%; with --source probe no\n"
	"                            bound): else they are taken away, and come back for samples only\n"
	"      --walk-budget PCT[,DUR]\n"
	"                            of a core, for looks into heaps; of a large one, so much at a time\n"
	"                            (default 1%,50ms)\n"
	"      --max-blocks N        room for the blocks of allocators whose sizes must be remembered:\n"
	"                            jemalloc, tcmalloc, mimalloc (default 524288)\n"
	"  -h, --help\n"
	"\n"
	"Exit status: 0 done, 1 the work failed, 2 usage, 3 this host cannot do it, 4 no such target.\n";

enum { OPTION_PER = OPTION_AFTER_TRIM, OPTION_TRIM_AT, OPTION_COOLDOWN, OPTION_MAX_OVERHEAD, OPTION_MAX_BLOCKS, OPTION_WALK_BUDGET };

static const struct option long_options[] = {
	TARGET_LONG_OPTIONS,
	{ "interval", required_argument, NULL, 'i' },
	{ "count", required_argument, NULL, 'N' },
	{ "format", required_argument, NULL, 'o' },
	{ "source", required_argument, NULL, 's' },
	{ "per", required_argument, NULL, OPTION_PER },
	{ "trim-at", required_argument, NULL, OPTION_TRIM_AT },
	TRIM_LONG_OPTIONS,
	{ "cooldown", required_argument, NULL, OPTION_COOLDOWN },
	{ "max-blocks", required_argument, NULL, OPTION_MAX_BLOCKS },
	{ "max-overhead", required_argument, NULL, OPTION_MAX_OVERHEAD },
	{ "walk-budget", required_argument, NULL, OPTION_WALK_BUDGET },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

#define DEFAULT_OVERHEAD 0.05
#define WALK_SLICE_MOST_NS 1000000000

#define MAX_BLOCKS (1 << 26) /* the kernel takes 32 to 64 bytes for each, at once */

#define usage(err, ...) error_set(err, EXIT_USAGE, __VA_ARGS__)

static int take_format(struct watch_options *options, const char *name, struct error *err)
{
	options->format = output_format_by_name(name);
	if (options->format)
		return 0;
	return usage(err, "unknown format '%s': line, table or json", name);
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
	bool bad = !share || parse_share(share, &options->walk_share) ||
		   (*comma && (parse_duration(comma + 1, &options->walk_slice_ns) || options->walk_slice_ns > WALK_SLICE_MOST_NS));

	free(share);
	return bad ? usage(err, "'%s' is no budget: 1%%, or 1%%,50ms; up to 100%%,1s", text) : 0;
}

static int take_option(struct watch_options *options, int option, char *argv[], struct error *err)
{
	int result;

	switch (option) {
	case 'i':
		return parse_duration(optarg, &options->interval_ns) ?
			       usage(err, "'%s' is no interval: 200ms, 1s or 1m, and more than 0", optarg) : 0;
	case 'N':
		return parse_count(optarg, INT64_MAX, &options->count) ?
			       usage(err, "'%s' is no count: a whole number of at least 1", optarg) : 0;
	case 'o':
		return take_format(options, optarg, err);
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
	case 'h':
		options->help = true;
		return 0;
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

int watch_options_check_reclaim(const struct watch_options *options, struct error *err)
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

	if (options->help)
		return 0;
	if (!named && !options->targets.all)
		return usage(err, "nothing to watch: give -p PID, -c CGROUP, -n CONTAINER, -a or -- COMMAND");
	if (!named && options->insists)
		return usage(err, "-a puts no probes on anything: name what is to be probed, with -p or -c (-c / for all)");
	if (!named && policy->enabled)
		return usage(err, "-a has nothing trimmed: name what --trim-at is for, with -p, -c or -n");
	if (options->max_overhead && named && !options->probes)
		return usage(err, "--max-overhead is for probes, --source %s has none", options->source);
	if (!options->max_overhead)
		options->max_overhead = options->insists ? INFINITY : DEFAULT_OVERHEAD;
	options->probes &= named;
	if ((options->trim.given || options->cooldown_given) && !policy->enabled)
		return usage(err, "%s says how to trim, but not when: give --trim-at too",
			     options->trim.given ? options->trim.given : "--cooldown");
	if (watch_options_check_reclaim(options, err))
		return -1;
	if (needs_view && !has_view)
		return usage(err, "with --source none %s is not known: --trim-at rss:SIZE or cgroup:SIZE", metric_name(policy->metric));
	return 0;
}

/* dashes: the options ended with "--", which getopt_long() has passed. */
static int take_command(struct watch_options *options, int argc, char *argv[], bool dashes, struct error *err)
{
	if (optind == argc)
		return dashes ? usage(err, "no command after '--'") : 0;
	if (!dashes)
		return usage(err, "unexpected '%s': targets are given with -p, -c, -n or -a, a command after --", argv[optind]);
	options->command = &argv[optind];
	return 0;
}

int watch_options_parse(int argc, char *argv[], struct watch_options *ret, struct error *err)
{
	struct watch_options options = {
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
	int option = 0, result = 0, before = 1;

	trim_options_init(&options.trim);
	optind = 1;
	opterr = 0;
	while (!result && option != -1) {
		before = optind;
		option = getopt_long(argc, argv, TARGET_SHORT_OPTIONS "i:N:o:s:h", long_options, NULL);
		if (option != -1)
			result = take_option(&options, option, argv, err);
	}
	if (!result)
		result = take_command(&options, argc, argv, optind > before, err);
	trim_options_complete(&options.trim);
	options.policy.forced = options.trim.forced;
	options.trims = options.policy.enabled;
	if (!result)
		result = check(&options, err);
	if (result) {
		watch_options_free(&options);
		return result;
	}
	*ret = options;
	return 0;
}

void watch_options_free(struct watch_options *options)
{
	target_options_free(&options->targets);
	trim_options_free(&options->trim);
}
