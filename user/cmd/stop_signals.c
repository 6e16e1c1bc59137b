// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/stop_signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>

int stop_signals_open(void)
{
	sigset_t signals;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}
