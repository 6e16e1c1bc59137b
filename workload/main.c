/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs with known byte counts, for memgap to watch. `workload --help` lists them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "workload/clock.h"
#include "workload/options.h"
#include "workload/output.h"
#include "workload/pattern.h"
#include "workload/trim.h"
#include "workload/truth.h"

#define STDOUT_NAME "standard output"

static void count_held(const struct workload *workload, struct tally *ret)
{
	if (workload->options.pattern->count)
		workload->options.pattern->count(workload, ret);
	else
		*ret = workload->ledger.tally;
	tally_add(ret, &workload->noise.tally);
}

static int format_line(struct workload *workload, const struct tally *tally, char line[OUTPUT_LINE_MAX])
{
	const struct pattern *pattern = workload->options.pattern;

	if (pattern->line)
		return pattern->line(workload, tally, line);
	snprintf(line, OUTPUT_LINE_MAX, "pattern = %s\tHeld = %" PRIu64 " MiB\tBlocks = %" PRIu64 "\n", pattern->name,
		 tally_held_bytes(tally) >> 20, tally_held_blocks(tally));
	return 0;
}

static int format_report(struct workload *workload, char line[OUTPUT_LINE_MAX])
{
	struct tally tally;
	struct truth truth;

	count_held(workload, &tally);
	if (!workload->options.truth)
		return format_line(workload, &tally, line);
	truth_take(&tally, &truth);
	truth_format(&truth, line);
	return 0;
}

/* Does the hook, if there is one, and says what is held then. */
static int do_and_report(struct workload *workload, int (*hook)(struct workload *workload))
{
	char line[OUTPUT_LINE_MAX];
	int err;

	pthread_mutex_lock(&workload->lock);
	err = hook ? hook(workload) : 0;
	if (!err)
		err = format_report(workload, line);
	pthread_mutex_unlock(&workload->lock);
	if (err)
		return err;
	/* not with the lock held: the reader may be slow, and a collection should not wait for it */
	err = output_line(line);
	if (err)
		workload->subject = STDOUT_NAME;
	return err;
}

static int tick(struct workload *workload)
{
	const struct options *options = &workload->options;
	int err = options->pattern->tick ? options->pattern->tick(workload) : 0;

	return err || !options->noise_bytes ? err : noise_tick(&workload->noise, options->noise_bytes);
}

/* Intervals lie on a grid from the first on; those that were overrun are left out. */
static int run_intervals(struct workload *workload, uint64_t end_ns)
{
	const struct options *options = &workload->options;
	uint64_t next_ns = clock_now_ns(), now_ns;
	int err;

	do {
		err = do_and_report(workload, tick);
		if (err)
			return err;
		now_ns = clock_now_ns();
		while (next_ns <= now_ns)
			next_ns += options->interval_ns;
		clock_sleep_until(next_ns < end_ns ? next_ns : end_ns);
	} while (next_ns < end_ns);
	if (options->pattern->stop)
		options->pattern->stop(workload);
	/* the last word, all threads at rest */
	return do_and_report(workload, NULL);
}

static int run(struct workload *workload)
{
	const struct options *options = &workload->options;
	uint64_t end_ns = options->duration_ns ? clock_now_ns() + options->duration_ns : UINT64_MAX;
	int err = ledger_init(&workload->ledger);

	if (!err && options->noise_bytes)
		err = noise_init(&workload->noise, options->seed);
	if (!err && options->pattern->state_bytes) {
		workload->state = books_map(options->pattern->state_bytes);
		err = workload->state ? 0 : -ENOMEM;
	}
	if (!err)
		err = trim_start(workload);
	if (!err && options->pattern->start) {
		pthread_mutex_lock(&workload->lock);
		err = options->pattern->start(workload);
		pthread_mutex_unlock(&workload->lock);
	}
	return err ? err : run_intervals(workload, end_ns);
}

/* Returns the exit status. A reader that has gone is no error. */
static int report_error(const char *name, const char *subject, int err)
{
	if (!err || err == -EPIPE)
		return 0;
	fprintf(stderr, "workload: %s%s%s: %s\n", name, subject ? ": " : "", subject ? subject : "", strerror(-err));
	return 1;
}

int main(int argc, char **argv)
{
	struct workload workload = { .lock = PTHREAD_MUTEX_INITIALIZER };
	int err;

	/* else a file that is opened later would become stdout */
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0) {
		fprintf(stderr, "workload: " STDOUT_NAME " is closed\n");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	switch (options_parse(argc, argv, &workload.options)) {
	case OPTIONS_HELP:
		return report_error("--help", STDOUT_NAME, options_help());
	case OPTIONS_WRONG:
		return 2;
	case OPTIONS_RUN:
		break;
	}
	trim_block_signals(!workload.options.no_trim);
	err = run(&workload);
	/* not exit(): threads are still at work, and what is held goes back with the process */
	_exit(report_error(workload.options.pattern->name, workload.subject, err));
}
