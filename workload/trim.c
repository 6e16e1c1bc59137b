/* SPDX-License-Identifier: GPL-2.0-only */
#include "workload/trim.h"

#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include "workload/pattern.h"
#include "workload/thread.h"

static void list_signals(bool take_usr1, sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGINT);
	if (take_usr1)
		sigaddset(ret, SIGUSR1);
}

void trim_block_signals(bool take_usr1)
{
	sigset_t taken, usr1;

	/* a shell starts background jobs with SIGINT ignored */
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	list_signals(take_usr1, &taken);
	sigprocmask(SIG_BLOCK, &taken, NULL);
}

static void collect_and_trim(struct workload *workload)
{
	const struct pattern *pattern = workload->options.pattern;

	/* a pattern without garbage is not waited for: its lock may be held for a whole tick */
	if (pattern->collect) {
		pthread_mutex_lock(&workload->lock);
		pattern->collect(workload);
		pthread_mutex_unlock(&workload->lock);
	}
	malloc_trim(0);
}

static void *take_signals(void *data)
{
	struct workload *workload = data;
	sigset_t taken;
	int number;

	list_signals(!workload->options.no_trim, &taken);
	for (;;) {
		if (sigwait(&taken, &number))
			continue;
		if (number != SIGUSR1)
			_exit(0); /* nothing is buffered, and other threads may be anywhere */
		collect_and_trim(workload);
	}
	return NULL;
}

int trim_start(struct workload *workload)
{
	pthread_t thread;

	return thread_start(&thread, take_signals, workload);
}
