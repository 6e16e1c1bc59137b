// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/report_options.h"

#include <getopt.h>
#include <stddef.h>

const char report_usage[] =
	"usage: memgap report FILE [-o OUT.html]\n"
	"\n"
	"Turns a recording (memgap watch --record FILE) into an HTML file that needs nothing else. Lines of\n"
	"`memgap watch -o json` will do as well. Of a recording that was cut or damaged, what is there is reported,\n"
	"and that it was is said. Needs no root.\n"
	"\n"
	"  FILE                      the recording; - is stdin\n"
	"  -o, --output FILE         where the HTML goes, written over (default: stdout)\n"
	"  -h, --help\n"
	"\n"
	"Exit status: 0 done; 1 the work failed, or there is nothing of a recording in the file; 2 usage.\n";

static const struct option long_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

int report_options_parse(int argc, char *argv[], struct report_options *ret, struct error *err)
{
	int option;

	*ret = (struct report_options){ .help = false };
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":o:h", long_options, NULL)) != -1) {
		if (option == 'o')
			ret->output = optarg;
		else if (option == 'h')
			ret->help = true;
		else
			return error_set(err, EXIT_USAGE, option == ':' ? "%s needs a value: try `memgap report --help`" :
							  "unknown option '%s': try `memgap report --help`", argv[optind - 1]);
	}
	if (!ret->help && argc - optind != 1)
		return error_set(err, EXIT_USAGE, "give one recording: `memgap report FILE -o OUT.html`");
	ret->input = argv[optind];
	return 0;
}
