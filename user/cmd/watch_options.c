// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/watch_options.h"

#include <getopt.h>
#include <string.h>

#include "user/base/units.h"
#include "user/cmd/run_options.h"

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
	INTERVAL_USAGE
	"  -N, --count N             stop after N intervals (default: endless)\n"
	"  -o, --format line|table|json\n"
	"                            JSON is one object a line (default: line for one target, table for\n"
	"                            several, the largest gap first)\n"
	RUN_USAGE
	"      --record FILE         also keep all that is seen in a new file, for `memgap report`\n"
	"  -h, --help\n"
	"\n"
	"Exit status: 0 done, 1 the work failed, 2 usage, 3 this host cannot do it, 4 no such target.\n";

enum { OPTION_RECORD = OPTION_AFTER_RUN };

static const struct option long_options[] = {
	RUN_LONG_OPTIONS,
	{ "count", required_argument, NULL, 'N' },
	{ "format", required_argument, NULL, 'o' },
	{ "record", required_argument, NULL, OPTION_RECORD },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

#define usage(err, ...) error_set(err, EXIT_USAGE, __VA_ARGS__)

static int take_format(struct watch_options *options, const char *name, struct error *err)
{
	options->format = output_format_by_name(name);
	if (options->format)
		return 0;
	return usage(err, "unknown format '%s': line, table or json", name);
}

static int take_option(struct watch_options *options, int option, char *argv[], struct error *err)
{
	switch (option) {
	case 'N':
		return parse_count(optarg, INT64_MAX, &options->count) ?
			       usage(err, "'%s' is no count: a whole number of at least 1", optarg) : 0;
	case 'o':
		return take_format(options, optarg, err);
	case 'h':
		options->help = true;
		return 0;
	case OPTION_RECORD:
		options->record = optarg;
		return 0;
	default:
		return run_options_take(options, option, argv, err);
	}
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
	struct watch_options options;
	int option = 0, result = 0, before = 1;

	run_options_init(&options);
	optind = 1;
	opterr = 0;
	while (!result && option != -1) {
		before = optind;
		option = getopt_long(argc, argv, RUN_SHORT_OPTIONS "N:o:h", long_options, NULL);
		if (option != -1)
			result = take_option(&options, option, argv, err);
	}
	if (!result)
		result = take_command(&options, argc, argv, optind > before, err);
	if (!result && !options.help)
		result = run_options_complete(&options, err);
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
