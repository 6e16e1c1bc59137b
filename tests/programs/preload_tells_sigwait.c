// SPDX-License-Identifier: GPL-2.0-only
/* LD_PRELOAD: whenever a program takes SIGUSR1 by sigwait(), a line on stderr says so. */
#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

int sigwait(const sigset_t *set, int *number)
{
	static const char line[] = "took USR1\n";
	int (*next)(const sigset_t *, int *) = (int (*)(const sigset_t *, int *))dlsym(RTLD_NEXT, "sigwait");
	int result = next(set, number);

	if (!result && *number == SIGUSR1 && write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
		_exit(3);
	return result;
}
