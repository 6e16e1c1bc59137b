// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <getopt.h>

#include "user/cmd/check_options.h"

#define MOST_WORDS 8

/* argv[0] and the words of a row; NULL ends them. */
static int parse(const char *const *words, struct check_options *ret, struct error *err)
{
	char *argv[MOST_WORDS + 1] = { (char *)"check" }, *none[] = { (char *)"none", NULL };
	int argc = 1;

	/* getopt() keeps its place over a failure; memgap calls it only once */
	optind = 0;
	assert_int_equal(getopt(1, none, "+"), -1);
	for (; argc < MOST_WORDS && words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	return check_options_parse(argc, argv, ret, err);
}

static void no_target_is_the_host_alone(void **state)
{
	static const char *const words[] = { NULL };
	struct check_options options;
	struct error err;

	(void)state;
	assert_int_equal(parse(words, &options, &err), 0);
	assert_int_equal(options.targets.n_pids + options.targets.n_cgroups, 0);
	assert_false(options.help);
	check_options_free(&options);
}

static void targets_add_up_as_those_of_watch_do(void **state)
{
	static const char *const words[] = { "-p", "1,22", "-c/a", "--pid=333", "--cgroup", "b/c", NULL };
	static const pid_t pids[] = { 1, 22, 333 };
	struct check_options options;
	struct error err;

	(void)state;
	assert_int_equal(parse(words, &options, &err), 0);
	assert_int_equal(options.targets.n_pids, COUNT_OF(pids));
	assert_memory_equal(options.targets.pids, pids, sizeof(pids));
	assert_int_equal(options.targets.n_cgroups, 2);
	assert_string_equal(options.targets.cgroups[0], "/a");
	assert_string_equal(options.targets.cgroups[1], "b/c");
	check_options_free(&options);
	assert_null(options.targets.pids);
	check_options_free(&options); /* again: nothing happens */
}

static void help_is_asked_for_long_and_short(void **state)
{
	static const char *const rows[][2] = { { "-h" }, { "--help" } };
	struct check_options options;
	struct error err;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(parse(rows[i], &options, &err), 0);
		assert_true(options.help);
	}
}

static void each_mistake_is_a_usage_error_that_names_it_and_a_remedy(void **state)
{
	static const struct {
		const char *words[4], *culprit, *remedy;
	} rows[] = {
		{ { "-p", "x" }, "'x'", "-p 123" }, { { "-p", "1,,2" }, "'1,,2'", "-p 123,456" }, { { "-c", "" }, "''", "-c PATH" },
		{ { "-p" }, "'-p'", "`memgap check --help`" }, { { "--bogus" }, "'--bogus'", "`memgap check --help`" },
		{ { "-i", "1s" }, "'-i'", "`memgap check --help`" }, { { "-n", "" }, "''", "-n NAME" }, { { "--all" }, "-a", "-c" },
		{ { "123" }, "'123'", "-p" }, { { "-p", "1", "stray" }, "'stray'", "-c" }, { { "--", "prog" }, "'prog'", "-p" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct check_options options;
		struct error err = { 0 };

		check_row(rows[i].culprit, parse(rows[i].words, &options, &err) == -1 && err.status == EXIT_USAGE);
		check_row(err.text, strstr(err.text, rows[i].culprit) && strstr(err.text, rows[i].remedy));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_target_is_the_host_alone),
		cmocka_unit_test(targets_add_up_as_those_of_watch_do),
		cmocka_unit_test(help_is_asked_for_long_and_short),
		cmocka_unit_test(each_mistake_is_a_usage_error_that_names_it_and_a_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
