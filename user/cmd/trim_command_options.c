// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/trim_command_options.h"

#include <getopt.h>

#include "user/base/units.h"
#include "user/cmd/run_options.h"

const char trim_usage[] =
	"usage: memgap trim TARGET... [OPTIONS]\n"
	"\n"
	"Has the targets trimmed once, now, and reports what came back. Their heaps are looked into first: what a\n"
	"trim can give back is known before it is asked for, and nobody is asked who has nothing. Needs root.\n"
	"\n"
	"Targets, any number of them:\n"
	"  -p, --pid PID[,PID...]    processes\n"
	"  -c, --cgroup PATH         a cgroup directory, absolute or relative to the mount: all processes in it\n"
	"                            and below, those with most to give first\n"
	"  -n, --container NAME|ID   a running container, by its name or the first digits of its id\n"
	"      --runtime-socket PATH ask this engine for names (default: Docker's and Podman's sockets)\n"
	"\n"
	"Options:\n"
	TRIM_USAGE
	"      --regrowth DUR        look again after that time (1m, 10s): how much of it is back (default: do not)\n"
	"  -o, --format line|json    default line\n"
	"  -h, --help\n"
	"\n"
	"Exit status: 0 done, or there was nothing to come back; 1 nobody was asked, or it failed: the line says why;\n"
	"2 usage, 3 this host cannot do it, 4 no such target.\n";

enum { OPTION_REGROWTH = OPTION_AFTER_RUN };

static const struct option long_options[] = {
	TARGET_LONG_OPTIONS,
	TRIM_LONG_OPTIONS,
	{ "regrowth", required_argument, NULL, OPTION_REGROWTH },
	{ "format", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* So often it is seen whether all have been looked into, and measured. */
#define LOOK_EVERY_NS 20000000ULL

#define usage(err, ...) error_set(err, EXIT_USAGE, __VA_ARGS__)

static int take_format(struct watch_options *options, const char *name, struct error *err)
{
	options->format = output_format_by_name(name);
	if (options->format == &output_line || options->format == &output_json)
		return 0;
	return usage(err, "unknown format '%s': line or json", name);
}

static int take_option(struct trim_command_options *options, int option, char *argv[], struct error *err)
{
	int result;

	switch (option) {
	case 'o':
		return take_format(&options->watch, optarg, err);
	case OPTION_REGROWTH:
		return parse_duration(optarg, &options->watch.regrowth_ns) ?
			       usage(err, "'%s' is no time to wait: 10s or 1m, and more than 0", optarg) : 0;
	case 'h':
		options->help = true;
		return 0;
	default:
		if (trim_options_take(&options->watch.trim, option, &result, err))
			return result;
		return target_options_take(&options->watch.targets, option, argv, err);
	}
}

static int check(struct trim_command_options *options, int argc, char *argv[], struct error *err)
{
	const struct target_options *targets = &options->watch.targets;

	if (options->help)
		return 0;
	if (optind < argc)
		return usage(err, "unexpected '%s': targets are given with -p, -c or -n", argv[optind]);
	if (targets->all)
		return usage(err, "-a has nothing trimmed: name a target, with -p, -c or -n");
	if (!target_options_name_any(targets))
		return usage(err, "nothing to trim: give -p PID, -c CGROUP or -n CONTAINER");
	return run_options_check_reclaim(&options->watch, err);
}

int trim_command_options_parse(int argc, char *argv[], struct trim_command_options *ret, struct error *err)
{
	/* a whole core for looks into heaps: somebody waits */
	struct trim_command_options options = { .watch = { .source = "heap", .heap = true, .go = true, .walk_share = 1,
							   .walk_slice_ns = 1000000000, .format = &output_line, .trims = true,
							   .interval_ns = LOOK_EVERY_NS } };
	int option = 0, result = 0;

	trim_options_init(&options.watch.trim);
	optind = 1;
	opterr = 0;
	while (!result && option != -1) {
		option = getopt_long(argc, argv, TARGET_SHORT_OPTIONS "o:h", long_options, NULL);
		if (option != -1)
			result = take_option(&options, option, argv, err);
	}
	trim_options_complete(&options.watch.trim);
	options.watch.policy.forced = options.watch.trim.forced;
	if (!result)
		result = check(&options, argc, argv, err);
	if (result) {
		trim_command_options_free(&options);
		return result;
	}
	*ret = options;
	return 0;
}

void trim_command_options_free(struct trim_command_options *options)
{
	watch_options_free(&options->watch);
}
