// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/thread.h"

#include <signal.h>
#include <stddef.h>

int thread_start(pthread_t *ret, void *(*run)(void *data), void *data)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };
	sigset_t others, before;
	int result;

	sigfillset(&others);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&others, faults[i]);
	pthread_sigmask(SIG_SETMASK, &others, &before);
	result = pthread_create(ret, NULL, run, data);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -result;
}
