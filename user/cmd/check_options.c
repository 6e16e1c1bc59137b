// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/check_options.h"

#include <getopt.h>

const char check_usage[] =
	"usage: memgap check [TARGET...]\n"
	"\n"
	"Says what this host allows, and what in the targets can be probed where and at which cost; what is\n"
	"missing or refused, why, and the remedy. What kernels differ in is tried on a child of memgap's own.\n"
	"Nothing is put on a target.\n"
	"\n"
	"Targets, any number of them:\n"
	"  -p, --pid PID[,PID...]    processes\n"
	"  -c, --cgroup PATH         a cgroup directory, absolute or relative to the mount: all processes\n"
	"                            in it and below\n"
	"  -n, --container NAME|ID   a running container, by its name or the first digits of its id\n"
	"      --runtime-socket PATH ask this engine for names (default: Docker's and Podman's sockets)\n"
	"\n"
	"  -h, --help\n"
	"\n"
	"Exit status, the one that `memgap watch` would end with: 0 all is there, 1 nothing to probe in a process,\n"
	"2 usage, 3 this host cannot do it, 4 no such target.\n";

static const struct option long_options[] = {
	TARGET_LONG_OPTIONS,
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

int check_options_parse(int argc, char *argv[], struct check_options *ret, struct error *err)
{
	struct check_options options = { 0 };
	int option = 0, result = 0;

	optind = 1;
	opterr = 0;
	while (!result && option != -1) {
		option = getopt_long(argc, argv, TARGET_SHORT_OPTIONS "h", long_options, NULL);
		if (option == 'h')
			options.help = true;
		else if (option != -1)
			result = target_options_take(&options.targets, option, argv, err);
	}
	if (!result && optind < argc)
		result = error_set(err, EXIT_USAGE, "unexpected '%s': targets are given with -p or -c", argv[optind]);
	if (!result && options.targets.all)
		result = error_set(err, EXIT_USAGE, "--all checks nothing: name one target, with -p, -c or -n");
	if (result) {
		check_options_free(&options);
		return result;
	}
	*ret = options;
	return 0;
}

void check_options_free(struct check_options *options)
{
	target_options_free(&options->targets);
}
