// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/top_options.h"

#include <getopt.h>

#include "user/cmd/run_options.h"

const char top_usage[] =
	"usage: memgap top [TARGET...] [OPTIONS]\n"
	"\n"
	"Shows the targets on the whole screen, the largest gap first; keys sort, filter, expand a cgroup into its\n"
	"processes, and have one trimmed (h lists them). Needs root, and a terminal.\n"
	"\n"
	"Targets, any number of them (default: -a):\n"
	TARGET_USAGE
	"\n"
	"Options:\n"
	INTERVAL_USAGE
	RUN_USAGE
	"  -h, --help\n"
	"\n"
	"Colours are used unless NO_COLOR is set. Exit status: 0 done, 1 the work failed, 2 usage, 3 this host or\n"
	"terminal cannot do it, 4 no such target.\n";

static const struct option long_options[] = {
	RUN_LONG_OPTIONS,
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int complete(struct watch_options *options, int argc, char *argv[], struct error *err)
{
	if (optind < argc)
		return error_set(err, EXIT_USAGE, "unexpected '%s': targets are given with -p, -c, -n or -a; a command would write on the "
				 "screen, start it elsewhere", argv[optind]);
	if (!target_options_name_any(&options->targets))
		options->targets.all = true;
	return run_options_complete(options, err);
}

int top_options_parse(int argc, char *argv[], struct watch_options *ret, struct error *err)
{
	struct watch_options options;
	int option = 0, result = 0;

	run_options_init(&options);
	options.trims = true;
	optind = 1;
	opterr = 0;
	while (!result && option != -1) {
		option = getopt_long(argc, argv, RUN_SHORT_OPTIONS "h", long_options, NULL);
		if (option == 'h')
			options.help = true;
		else if (option != -1)
			result = run_options_take(&options, option, argv, err);
	}
	if (!result && !options.help)
		result = complete(&options, argc, argv, err);
	if (result) {
		watch_options_free(&options);
		return result;
	}
	*ret = options;
	return 0;
}
