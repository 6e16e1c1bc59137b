/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads with small stacks. */
#ifndef WORKLOAD_THREAD_H
#define WORKLOAD_THREAD_H

#include <pthread.h>

/* The default stack is 8 MiB of VmData, more than some patterns hold. Returns 0 or -errno. */
int thread_start(pthread_t *ret_thread, void *(*run)(void *), void *data);

#endif
