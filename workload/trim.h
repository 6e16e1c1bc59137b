/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The signals. A thread of its own waits for them: malloc_trim() may not be called from a handler, and the
 * main thread may be busy. As they are blocked, and not only handled, they reach PID 1 of a container too.
 */
#ifndef WORKLOAD_TRIM_H
#define WORKLOAD_TRIM_H

#include <stdbool.h>

struct workload;

/*
 * Blocks SIGTERM, SIGINT and, if it is to be taken, SIGUSR1; to be called before any thread starts. A
 * SIGUSR1 that is not taken has its default effect, whatever was inherited.
 */
void trim_block_signals(bool take_usr1);

/*
 * Starts the thread: SIGUSR1 collects (the pattern's collect(), with the workload's lock held) and trims;
 * SIGTERM and SIGINT end the process with status 0. Returns 0 or -errno.
 */
int trim_start(struct workload *workload);

#endif
