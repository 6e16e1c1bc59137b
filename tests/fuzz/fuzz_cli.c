// SPDX-License-Identifier: GPL-2.0-only
/* Command lines: a word each line, the first one the subcommand. Nothing is done of what they ask for. */
#include "tests/fuzz/fuzz.h"

#include <getopt.h>

#include "user/cmd/check_options.h"
#include "user/cmd/report_options.h"
#include "user/cmd/serve_options.h"
#include "user/cmd/top_options.h"
#include "user/cmd/trim_command_options.h"
#include "user/cmd/watch_options.h"
#include "user/http/address.h"

#define WORDS_MAX 64

static int parse_watch(int argc, char *argv[], struct error *err)
{
	struct watch_options options;
	int result = watch_options_parse(argc, argv, &options, err);

	if (result)
		return result;
	assert_true(options.help || (options.interval_ns > 0 && options.count >= 0));
	watch_options_free(&options);
	return 0;
}

static int parse_serve(int argc, char *argv[], struct error *err)
{
	struct serve_options options;
	struct address address;
	struct error ignored;
	int result = serve_options_parse(argc, argv, &options, err);

	if (result)
		return result;
	assert_true(options.max_targets > 0);
	if (!address_parse(options.http.listen, &address, &ignored))
		address_is_private(&address);
	serve_options_free(&options);
	return 0;
}

static int parse_top(int argc, char *argv[], struct error *err)
{
	struct watch_options options;
	int result = top_options_parse(argc, argv, &options, err);

	if (!result)
		watch_options_free(&options);
	return result;
}

static int parse_check(int argc, char *argv[], struct error *err)
{
	struct check_options options;
	int result = check_options_parse(argc, argv, &options, err);

	if (!result)
		check_options_free(&options);
	return result;
}

static int parse_trim(int argc, char *argv[], struct error *err)
{
	struct trim_command_options options;
	int result = trim_command_options_parse(argc, argv, &options, err);

	if (!result)
		trim_command_options_free(&options);
	return result;
}

static int parse_report(int argc, char *argv[], struct error *err)
{
	struct report_options options;
	int result = report_options_parse(argc, argv, &options, err);

	if (!result)
		assert_true(options.help || options.input);
	return result;
}

static const struct {
	const char *name;
	int (*parse)(int argc, char *argv[], struct error *err);
} subcommands[] = {
	{ "watch", parse_watch }, { "serve", parse_serve }, { "top", parse_top }, { "check", parse_check }, { "trim", parse_trim },
	{ "report", parse_report },
};

/* getopt() keeps a place in a word of before: memgap parses one command line, this does many. */
static void forget_options(void)
{
	char name[] = "x", *argv[] = { name, NULL };

	optind = 0;
	assert_int_equal(getopt(1, argv, ""), -1);
}

static void parse(int argc, char *argv[])
{
	for (size_t i = 0; i < COUNT_OF(subcommands); i++) {
		struct error err = { .text = "" };

		if (strcmp(argv[0], subcommands[i].name))
			continue;
		/* one line that says what is wrong */
		if (subcommands[i].parse(argc, argv, &err))
			assert_true(err.text[0] && (err.status == EXIT_USAGE || err.status == EXIT_FAILED));
		forget_options();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	char *argv[WORDS_MAX + 1] = { NULL };
	int argc = 0;

	while (input.left && argc < WORDS_MAX)
		argv[argc++] = take_text_until(&input, '\n');
	if (argc)
		parse(argc, argv);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return 0;
}
