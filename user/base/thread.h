/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread beside the first one, which has all signals that are sent to memgap. */
#ifndef MEMGAP_BASE_THREAD_H
#define MEMGAP_BASE_THREAD_H

#include <pthread.h>

/*
 * Its own faults are not blocked: of a signal that is, the kernel makes a death without asking the handler, that puts a terminal back
 * (force_sig_info_to_task(), kernel/signal.c). 0 or -errno.
 */
int thread_start(pthread_t *ret, void *(*run)(void *data), void *data);

#endif
