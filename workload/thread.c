/* SPDX-License-Identifier: GPL-2.0-only */
#include "workload/thread.h"

/* Enough for malloc_trim and a line of output, sanitizers included. */
#define STACK_BYTES (64 << 10)

int thread_start(pthread_t *ret_thread, void *(*run)(void *), void *data)
{
	pthread_attr_t attributes;
	int err;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	err = pthread_create(ret_thread, &attributes, run, data);
	pthread_attr_destroy(&attributes);
	return -err;
}
