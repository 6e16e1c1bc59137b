/* SPDX-License-Identifier: GPL-2.0-only */
#include "workload/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "workload/ledger.h"
#include "workload/output.h"
#include "workload/pattern.h"
#include "workload/units.h"

#define DEFAULT_INTERVAL_NS UINT64_C(1000000000)
#define MAX_THREADS 1024
/* A thread that keeps pace computes pairs as seconds times rate: no overflow for centuries. */
#define MAX_RATE 1000000000
#define MAX_SEED 1000000000

enum option_id { SIZE, BLOCKS, THREADS, RATE, TO_FILE, NOISE, SEED, INTERVAL, DURATION, TRUTH, NO_TRIM, HELP, OPTION_COUNT };

static const struct {
	const char *name;
	const char *argument; /* NULL: takes none */
	unsigned int use;     /* 0: every pattern takes it */
	const char *help;
	const char *expected; /* of the argument */
} rows[OPTION_COUNT] = {
	[SIZE] = { "size", "SIZE", USES_SIZE, "of a block or in total, as above: 10MiB, 64KiB, bytes",
		   "a size such as 10MiB, 64KiB or 4096" },
	[BLOCKS] = { "blocks", "N", USES_BLOCKS, "how many blocks", "a whole number from 1 to 16777216" },
	[THREADS] = { "threads", "N", USES_THREADS, "how many threads", "a whole number from 1 to 1024" },
	[RATE] = { "rate", "N", USES_RATE, "malloc/free pairs a second, all threads together (default: no limit)",
		   "a whole number from 1 to 1000000000" },
	[TO_FILE] = { "file", "PATH", USES_FILE, "the file to write, left behind (default: a temporary one)",
		      "a path" },
	[NOISE] = { "noise", "SIZE", 0, "besides, blocks of all sizes that come and go, at most so much at a time",
		    "a size such as 10MiB, 64KiB or 4096" },
	[SEED] = { "seed", "N", 0, "noise of another kind (default 1)", "a whole number from 1 to 1000000000" },
	[INTERVAL] = { "interval", "DUR", 0, "between two lines: 200ms, 1s, 1m (default 1s)",
		       "a duration such as 200ms or 1s" },
	[DURATION] = { "duration", "DUR", 0, "end after that long (default: endless)",
		       "a duration such as 200ms or 1s" },
	[TRUTH] = { "truth", NULL, 0, "print what is really held, as JSON, instead of the usual line", NULL },
	[NO_TRIM] = { "no-trim", NULL, 0, "do not take SIGUSR1", NULL },
	[HELP] = { "help", NULL, 0, "show this", NULL },
};

__attribute__((format(printf, 1, 2))) static enum options_outcome wrong(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "workload: %s; see workload --help\n", text);
	return OPTIONS_WRONG;
}

/* Whether the text is what the option expects. */
static bool take_argument(struct options *options, enum option_id id, const char *text)
{
	switch (id) {
	case SIZE:
		return !parse_size(text, &options->size_bytes);
	case BLOCKS:
		return !parse_count(text, LEDGER_MAX_BLOCKS, &options->blocks);
	case THREADS:
		return !parse_count(text, MAX_THREADS, &options->threads);
	case RATE:
		return !parse_count(text, MAX_RATE, &options->rate);
	case TO_FILE:
		options->file = text;
		return text[0] != '\0';
	case NOISE:
		return !parse_size(text, &options->noise_bytes);
	case SEED:
		return !parse_count(text, MAX_SEED, &options->seed);
	case INTERVAL:
		return !parse_duration(text, &options->interval_ns);
	case DURATION:
		return !parse_duration(text, &options->duration_ns);
	case TRUTH:
		options->truth = true;
		return true;
	case NO_TRIM:
		options->no_trim = true;
		return true;
	default:
		return true;
	}
}

static void list_long_options(struct option ret[OPTION_COUNT + 1])
{
	memset(ret, 0, sizeof(*ret) * (OPTION_COUNT + 1));
	for (int i = 0; i < OPTION_COUNT; i++) {
		ret[i].name = rows[i].name;
		ret[i].has_arg = rows[i].argument ? required_argument : no_argument;
		ret[i].val = i;
	}
}

/* Reads all options; the set of those given, as bits of enum option_id, goes to *ret_given. */
static enum options_outcome read_options(int argc, char **argv, struct options *options, unsigned int *ret_given)
{
	struct option long_options[OPTION_COUNT + 1];
	unsigned int given = 0;
	int id;

	list_long_options(long_options);
	opterr = 0;
	while ((id = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (id == HELP)
			return OPTIONS_HELP;
		if (id == ':')
			return wrong("'%s' needs an argument", argv[optind - 1]);
		if (id == '?' && optopt > OPTION_COUNT) /* a short one; argv may hold others beside it */
			return wrong("unknown option '-%c'", optopt);
		if (id == '?')
			return wrong("'%s' is not an option here", argv[optind - 1]);
		if (!take_argument(options, (enum option_id)id, optarg))
			return wrong("--%s '%s': expected %s", rows[id].name, optarg, rows[id].expected);
		given |= 1U << id;
	}
	*ret_given = given;
	return OPTIONS_RUN;
}

static enum options_outcome check_use(const struct options *options, unsigned int given)
{
	const struct pattern *pattern = options->pattern;

	for (unsigned int i = 0; i < OPTION_COUNT; i++)
		if ((given & 1U << i) && (rows[i].use & ~pattern->uses))
			return wrong("pattern '%s' does not use --%s", pattern->name, rows[i].name);
	/* no block is empty */
	if ((pattern->uses & USES_BLOCKS) && options->blocks > options->size_bytes)
		return wrong("--blocks is more than --size has bytes");
	return OPTIONS_RUN;
}

static void add_defaults(struct options *options, unsigned int given)
{
	if (!(given & 1U << SIZE))
		options->size_bytes = options->pattern->size_bytes;
	if (!(given & 1U << BLOCKS))
		options->blocks = options->pattern->blocks;
	if (!(given & 1U << THREADS))
		options->threads = options->pattern->threads;
}

enum options_outcome options_parse(int argc, char **argv, struct options *ret)
{
	struct options options = { .seed = 1, .interval_ns = DEFAULT_INTERVAL_NS };
	enum options_outcome outcome;
	unsigned int given = 0;

	outcome = read_options(argc, argv, &options, &given);
	if (outcome != OPTIONS_RUN)
		return outcome;
	if (optind == argc)
		return wrong("no PATTERN given");
	if (optind + 1 < argc)
		return wrong("one PATTERN only, '%s' is too much", argv[optind + 1]);
	options.pattern = pattern_find(argv[optind]);
	if (!options.pattern)
		return wrong("unknown pattern '%s'", argv[optind]);
	add_defaults(&options, given);
	outcome = check_use(&options, given);
	if (outcome == OPTIONS_RUN)
		*ret = options;
	return outcome;
}

static int help_options(void)
{
	char name[32];
	int err = 0;

	for (int i = 0; !err && i < OPTION_COUNT; i++) {
		snprintf(name, sizeof(name), "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
			 rows[i].argument ? rows[i].argument : "");
		err = output_format("  %-15s %s\n", name, rows[i].help);
	}
	return err;
}

int options_help(void)
{
	int err = output_format("usage: workload PATTERN [OPTIONS]\n\npatterns:\n");

	for (const struct pattern *const *pattern = patterns; !err && *pattern; pattern++)
		err = output_format("  %-15s %s\n", (*pattern)->name, (*pattern)->summary);
	if (!err)
		err = output_format("\noptions:\n");
	if (!err)
		err = help_options();
	if (!err)
		err = output_format(
			"\nSIGUSR1 frees what is garbage, then trims (malloc_trim); SIGTERM and SIGINT end.\n");
	return err;
}
