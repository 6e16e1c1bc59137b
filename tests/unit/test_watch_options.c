// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <getopt.h>

#include "user/cmd/watch_options.h"

#define MS 1000000ULL
#define SECOND 1000000000ULL
#define MOST_WORDS 20

/* argv[0] and the words of a row; NULL ends them. */
struct words {
	const char *word[MOST_WORDS];
};
#define WORDS(...) { { "watch", __VA_ARGS__ } }

/* getopt() keeps its place in a cluster such as -xy over a failure; memgap calls it only once. */
static void forget_last_getopt(void)
{
	char *none[] = { "none", NULL };

	optind = 0;
	assert_int_equal(getopt(1, none, "+"), -1);
}

/* argv is the caller's and outlives the options. */
static int parse(const struct words *words, char *argv[MOST_WORDS], struct watch_options *ret, struct error *err)
{
	int argc = 0;

	for (; argc < MOST_WORDS && words->word[argc]; argc++)
		argv[argc] = (char *)words->word[argc];
	argv[argc] = NULL;
	forget_last_getopt();
	return watch_options_parse(argc, argv, ret, err);
}

static struct watch_options parse_well(const struct words *words, char *argv[MOST_WORDS])
{
	struct watch_options options;
	struct error err = { 0 };

	if (parse(words, argv, &options, &err))
		fail_msg("%s %s …: %s", words->word[1], words->word[2], err.text);
	return options;
}

static void the_room_for_blocks_is_what_was_asked_for(void **state)
{
	static const struct words words = WORDS("-p", "123", "--max-blocks", "2000000"), none = WORDS("-p", "123");
	char *argv[MOST_WORDS];
	struct watch_options options = parse_well(&words, argv);

	(void)state;
	assert_int_equal(options.limits.blocks, 2000000);
	watch_options_free(&options);
	options = parse_well(&none, argv);
	assert_int_equal(options.limits.blocks, 0); /* the default of those who open the probes */
	watch_options_free(&options);
}

static void a_target_alone_gets_the_documented_defaults(void **state)
{
	static const struct words words = WORDS("-p", "123");
	char *argv[MOST_WORDS];
	struct watch_options options = parse_well(&words, argv);

	(void)state;
	assert_int_equal(options.targets.n_pids, 1);
	assert_int_equal(options.targets.pids[0], 123);
	assert_int_equal(options.targets.n_cgroups, 0);
	assert_null(options.command);
	assert_int_equal(options.interval_ns, SECOND);
	assert_int_equal(options.count, 0);
	assert_null(options.format); /* that depends on the targets */
	assert_true(options.probes);
	assert_int_equal(options.per, PER_TARGET);
	assert_false(options.policy.enabled);
	assert_int_equal(options.policy.cooldown_ns, 10 * SECOND);
	assert_int_equal(options.trim.action.signal, SIGUSR1);
	assert_false(options.trim.dry_run);
	assert_false(options.trim.action.dry_run);
	assert_false(options.help);
	watch_options_free(&options);
	assert_null(options.targets.pids);
	watch_options_free(&options); /* again: nothing happens */
}

static void targets_add_up_in_their_order(void **state)
{
	static const struct words words = WORDS("-p", "1,22", "-c", "/a", "--pid=333", "--cgroup", "b/c", "--", "prog", "-p", "9");
	static const pid_t pids[] = { 1, 22, 333 };
	char *argv[MOST_WORDS];
	struct watch_options options = parse_well(&words, argv);

	(void)state;
	assert_int_equal(options.targets.n_pids, COUNT_OF(pids));
	assert_memory_equal(options.targets.pids, pids, sizeof(pids));
	assert_int_equal(options.targets.n_cgroups, 2);
	assert_string_equal(options.targets.cgroups[0], "/a");
	assert_string_equal(options.targets.cgroups[1], "b/c");
	assert_string_equal(options.command[0], "prog");
	watch_options_free(&options);
}

static void what_stands_after_the_dashes_is_the_commands(void **state)
{
	static const struct words words = WORDS("--", "prog", "-i", "5s", "--bogus", "--", "-p", "x");
	char *argv[MOST_WORDS];
	struct watch_options options = parse_well(&words, argv);

	(void)state;
	for (int i = 0; i < 7; i++)
		assert_string_equal(options.command[i], words.word[i + 2]);
	assert_null(options.command[7]);
	assert_int_equal(options.interval_ns, SECOND);
	assert_int_equal(options.targets.n_pids, 0);
	watch_options_free(&options);
}

static void each_option_is_taken_long_and_short(void **state)
{
	static const struct words rows[] = {
		WORDS("-p1", "-i", "200ms", "-N", "7", "-o", "json", "-s", "probe", "--trim-at", "rss:64MiB", "--trim-with",
		      "signal:RTMIN+2", "--cooldown", "1m"),
		WORDS("--pid", "1", "--interval=200ms", "--count=7", "--format=json", "--source=auto", "--trim-at=rss:64MiB",
		      "--trim-with=signal:RTMIN+2", "--cooldown=60s"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *argv[MOST_WORDS];
		struct watch_options options = parse_well(&rows[i], argv);

		assert_int_equal(options.interval_ns, 200 * MS);
		assert_int_equal(options.count, 7);
		assert_ptr_equal(options.format, &output_json);
		assert_true(options.probes);
		assert_true(options.policy.enabled);
		assert_int_equal(options.policy.metric, METRIC_RSS);
		assert_int_equal(options.policy.threshold_bytes, 64 << 20);
		assert_int_equal(options.policy.cooldown_ns, 60 * SECOND);
		assert_int_equal(options.trim.action.signal, SIGRTMIN + 2);
		watch_options_free(&options);
	}
}

static void a_line_per_process_or_per_cgroup_can_be_chosen(void **state)
{
	static const struct words rows[] = { WORDS("-p", "1", "--per", "process"), WORDS("-p", "1", "--per=cgroup") };
	static const enum per pers[] = { PER_PROCESS, PER_CGROUP };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *argv[MOST_WORDS];
		struct watch_options options = parse_well(&rows[i], argv);

		assert_int_equal(options.per, pers[i]);
		watch_options_free(&options);
	}
}

static void a_dry_run_reaches_the_action_wherever_it_stands(void **state)
{
	static const struct words rows[] = {
		WORDS("-p", "1", "--dry-run", "--trim-at", "1MiB", "--trim-with", "signal:USR2"),
		WORDS("-p", "1", "--trim-with", "signal:USR2", "--trim-at", "1MiB", "--dry-run"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *argv[MOST_WORDS];
		struct watch_options options = parse_well(&rows[i], argv);

		assert_true(options.trim.dry_run);
		assert_true(options.trim.action.dry_run);
		assert_int_equal(options.trim.action.signal, SIGUSR2);
		watch_options_free(&options);
	}
}

static void without_probes_what_the_kernel_knows_can_trigger_a_trim(void **state)
{
	static const struct words rows[] = { WORDS("-p", "1", "-s", "none"), WORDS("-p", "1", "-s", "none", "--trim-at", "rss:1MiB"),
					     WORDS("-c", "a", "--source", "none", "--trim-at", "cgroup:90%") };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *argv[MOST_WORDS];
		struct watch_options options = parse_well(&rows[i], argv);

		assert_false(options.probes);
		watch_options_free(&options);
	}
}

static void help_needs_no_target(void **state)
{
	static const struct words rows[] = { WORDS("-h"), WORDS("--help"), WORDS("--dry-run", "-h") };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *argv[MOST_WORDS];
		struct watch_options options = parse_well(&rows[i], argv);

		assert_true(options.help);
		watch_options_free(&options);
	}
	assert_non_null(strstr(watch_usage, "--trim-at"));
}

/* Each with what the message must name: the culprit, and a way out. */
static void each_mistake_is_a_usage_error_that_names_it_and_a_remedy(void **state)
{
	static const struct {
		struct words words;
		const char *culprit, *remedy;
	} rows[] = {
		{ { { "watch" } }, "nothing to watch", "-p PID" },
		{ WORDS("-i", "1s"), "nothing to watch", "-c CGROUP" },
		{ WORDS("--"), "no command", "--" },
		{ WORDS("-p", "1", "--"), "no command", "--" },
		{ WORDS("-p", "x"), "'x'", "-p 123,456" },
		{ WORDS("-p", ""), "''", "-p 123" },
		{ WORDS("-p", "0"), "'0'", "-p 123" },
		{ WORDS("-p", "-1"), "'-1'", "-p 123" },
		{ WORDS("-p", "1,,2"), "'1,,2'", "-p 123" },
		{ WORDS("-p", "1,"), "'1,'", "-p 123" },
		{ WORDS("-p", ",1"), "',1'", "-p 123" },
		{ WORDS("-p", "1 2"), "'1 2'", "-p 123" },
		{ WORDS("-p", "2147483648"), "'2147483648'", "-p 123" },
		{ WORDS("-p", "00000000000000000001"), "'00000000000000000001'", "-p 123" },
		{ WORDS("-p", "1", "-i", "0s"), "'0s'", "200ms" },
		{ WORDS("-p", "1", "-i", "1"), "'1'", "1s" },
		{ WORDS("-p", "1", "-N", "0"), "'0'", "at least 1" },
		{ WORDS("-p", "1", "-N", "1.5"), "'1.5'", "at least 1" },
		{ WORDS("-p", "1", "-o", "xml"), "'xml'", "line, table or json" },
		{ WORDS("-p", "1", "-s", "magic"), "'magic'", "auto, probe, heap, go or none" },
		{ WORDS("-p", "1", "--per", "thread"), "'thread'", "process or cgroup" },
		{ WORDS("-p", "1", "--trim-at", "100MB"), "'100MB'", "100MiB" },
		{ WORDS("-p", "1", "--trim-at", "101%"), "'101%'", "cgroup:90%" },
		{ WORDS("-p", "1", "--trim-at", "1MiB", "--trim-with", "reclaim"), "reclaim", "-c or -n" },
		{ WORDS("-p", "1", "--trim-at", "1MiB", "--trim-with", "exec:/nix"), "'exec:/nix'", "no such command" },
		{ WORDS("-p", "1", "--trim-at", "1MiB", "--trim-with", "signal:KILL"), "'signal:KILL'", "USR1" },
		{ WORDS("-p", "1", "--trim-at", "1MiB", "--trim-with", "signal:FOO"), "'signal:FOO'", "signal:USR1" },
		{ WORDS("-p", "1", "--trim-at", "1MiB", "--cooldown", "0s"), "'0s'", "10s" },
		{ WORDS("-p", "1", "--trim-with", "signal:USR1"), "--trim-with", "--trim-at" },
		{ WORDS("-p", "1", "--cooldown", "5s"), "--cooldown", "--trim-at" },
		{ WORDS("-p", "1", "--max-blocks", "0"), "'0'", "from 1" },
		{ WORDS("-p", "1", "--max-blocks", "1k"), "'1k'", "a whole number" },
		{ WORDS("-p", "1", "--max-blocks", "67108865"), "'67108865'", "67108864" },
		{ WORDS("-p", "1", "--dry-run"), "--dry-run", "--trim-at" },
		{ WORDS("-p", "1", "-s", "none", "--trim-at", "1MiB"), "alloc", "rss:SIZE" },
		{ WORDS("-p", "1", "-s", "none", "--trim-at", "gap:1MiB"), "gap", "rss:SIZE" },
		{ WORDS("-n", ""), "''", "-n NAME" },
		{ WORDS("-a", "-s", "probe"), "-a", "-c / for all" },
		{ WORDS("-a", "--trim-at", "1MiB"), "-a", "-p, -c or -n" },
		{ WORDS("-p", "1", "--max-overhead", "0"), "'0'", "more than 0" },
		{ WORDS("-p", "1", "--max-overhead", "5%", "-s", "none"), "--max-overhead", "--source none" },
		{ WORDS("-p"), "'-p'", "--help" },
		{ WORDS("--pid"), "'--pid'", "--help" },
		{ WORDS("-x"), "'-x'", "--help" },
		{ WORDS("--bogus"), "'--bogus'", "--help" },
		{ WORDS("--help=me"), "'--help=me'", "--help" },
		{ WORDS("-p", "1", "--cooldown"), "'--cooldown'", "--help" },
		{ WORDS("--dry-run=yes"), "'--dry-run=yes'", "--help" },
		{ WORDS("-p", "1", "sleep", "5"), "'sleep'", "after --" },
		{ WORDS("123"), "'123'", "-p" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct watch_options options = { .count = 77 };
		struct error err = { 0 };
		char *argv[MOST_WORDS];
		int result = parse(&rows[i].words, argv, &options, &err);

		if (result != -1 || err.status != EXIT_USAGE)
			fail_msg("row %zu (%s): result %d, status %d", i, rows[i].culprit, result, err.status);
		if (!strstr(err.text, rows[i].culprit) || !strstr(err.text, rows[i].remedy))
			fail_msg("row %zu: neither '%s' nor '%s' may be missing in: %s", i, rows[i].culprit, rows[i].remedy, err.text);
		check_row(err.text, !strchr(err.text, '\n') && options.count == 77);
	}
}

static void an_unknown_letter_in_a_cluster_is_the_one_that_is_named(void **state)
{
	static const struct words words = WORDS("-p", "1", "-xy");
	struct watch_options options;
	char *argv[MOST_WORDS];
	struct error err;

	(void)state;
	assert_int_equal(parse(&words, argv, &options, &err), -1);
	if (!strstr(err.text, "-x"))
		fail_msg("%s", err.text);
}

/* The value of -c may be anything, and is no end of the options. */
static void two_dashes_as_a_value_are_no_end_of_the_options(void **state)
{
	static const struct words words = WORDS("-c", "--", "stray");
	struct watch_options options;
	char *argv[MOST_WORDS];
	struct error err;

	(void)state;
	assert_int_equal(parse(&words, argv, &options, &err), -1);
	assert_non_null(strstr(err.text, "'stray'"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_alone_gets_the_documented_defaults),
		cmocka_unit_test(the_room_for_blocks_is_what_was_asked_for),
		cmocka_unit_test(targets_add_up_in_their_order),
		cmocka_unit_test(what_stands_after_the_dashes_is_the_commands),
		cmocka_unit_test(each_option_is_taken_long_and_short),
		cmocka_unit_test(a_line_per_process_or_per_cgroup_can_be_chosen),
		cmocka_unit_test(a_dry_run_reaches_the_action_wherever_it_stands),
		cmocka_unit_test(without_probes_what_the_kernel_knows_can_trigger_a_trim),
		cmocka_unit_test(help_needs_no_target),
		cmocka_unit_test(each_mistake_is_a_usage_error_that_names_it_and_a_remedy),
		cmocka_unit_test(an_unknown_letter_in_a_cluster_is_the_one_that_is_named),
		cmocka_unit_test(two_dashes_as_a_value_are_no_end_of_the_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
