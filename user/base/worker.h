/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread for what takes its time (a smaps_rollup of a large process, a socket that hangs), so that nothing else waits for
 * it. One job at a time: who has more to do, decides which comes next when the last one is done.
 */
#ifndef MEMGAP_BASE_WORKER_H
#define MEMGAP_BASE_WORKER_H

#include <stdbool.h>
#include <stdint.h>

struct worker;

/* 0 or -errno. */
int worker_open(struct worker **ret);

/*
 * A job that is being done is waited for, but not for long: a read in the kernel cannot be called off. Returns true when
 * nothing is going on any more, and in *ret_data that of a job which was not taken, or NULL; false: the job goes on, and
 * what it works on must stay.
 */
bool worker_close(struct worker *worker, void **ret_data);

/* An eventfd: readable when a job is done and not yet taken. */
int worker_fd(const struct worker *worker);

bool worker_is_idle(const struct worker *worker);

/* Only to an idle one. From now until worker_take() returns it, the data is the job's. */
void worker_start(struct worker *worker, void (*job)(void *data), void *data);

/* The data of the job that is done, and the CPU time that it took; NULL: none is. The worker is idle then. */
void *worker_take(struct worker *worker, uint64_t *ret_cpu_ns);

#endif
