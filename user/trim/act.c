// SPDX-License-Identifier: GPL-2.0-only
#include "user/trim/act.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/units.h"
#include "user/kernel/signals.h"

#define FIRST_REAL_TIME 32 /* SIGRTMIN of the kernel, include/uapi/asm-generic/signal.h */

/* Between the classic signals and SIGRTMIN lie the C library's own, for cancelling threads (nptl(7)). */
static bool is_reserved(int signal)
{
	return signal >= FIRST_REAL_TIME && signal < SIGRTMIN;
}

static int signal_by_name(const char *name)
{
	int64_t number;

	if (!parse_count(name, SIGRTMAX, &number))
		return is_reserved((int)number) ? -EPERM : (int)number;
	if (!strncmp(name, "SIG", 3))
		name += 3;
	if (!strncmp(name, "RTMIN+", 6))
		return parse_count(name + 6, SIGRTMAX - SIGRTMIN, &number) ? -EINVAL : SIGRTMIN + (int)number;
	if (!strcmp(name, "RTMIN"))
		return SIGRTMIN;
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *known = sigabbrev_np(i);

		if (known && !strcmp(known, name))
			return i;
	}
	return -EINVAL;
}

int trim_action_parse(const char *text, struct trim_action *ret)
{
	struct trim_action action = { 0 };

	if (!strcmp(text, "reclaim") || !strncmp(text, "exec:", 5))
		return -ENOTSUP;
	if (strncmp(text, "signal:", 7))
		return -EINVAL;
	action.signal = signal_by_name(text + 7);
	if (action.signal < 0)
		return action.signal;
	if (action.signal == SIGKILL || action.signal == SIGSTOP)
		return -EPERM;
	if (sigabbrev_np(action.signal))
		snprintf(action.text, sizeof(action.text), "signal:%s", sigabbrev_np(action.signal));
	else if (action.signal == SIGRTMIN)
		strcpy(action.text, "signal:RTMIN");
	else
		snprintf(action.text, sizeof(action.text), "signal:RTMIN+%d", action.signal - SIGRTMIN);
	*ret = action;
	return 0;
}

static enum act_result gone(char *why, size_t size, pid_t pid)
{
	snprintf(why, size, "pid %d has exited", pid);
	return ACT_GONE;
}

/* Whether the process expects the signal; nothing has been done to it so far. */
static enum act_result check(const struct trim_action *action, int proc_fd, const struct pid_identity *id, char *why,
			     size_t size)
{
	const char *name = strchr(action->text, ':') + 1;
	enum signal_effect effect;
	int result = signal_effect_read(proc_fd, id->pid, action->signal, &effect);

	if (result == -ESRCH || !pid_is_alive(proc_fd, id))
		return gone(why, size, id->pid);
	if (result) {
		snprintf(why, size, "cannot tell what %s would do to pid %d (%s): %s", name, id->pid, id->comm, strerror(-result));
		return ACT_FAILED;
	}
	switch (effect) {
	case SIGNAL_CAUGHT:
	case SIGNAL_AWAITED:
		return ACT_DONE;
	case SIGNAL_CAUGHT_TO_DIE:
		snprintf(why, size, "pid %d (%s) catches every signal that ends a process, %s too, as a shell does to clean up before it dies",
			 id->pid, id->comm, name);
		return ACT_REFUSED;
	case SIGNAL_BLOCKED:
		snprintf(why, size, "pid %d (%s) blocks %s, but neither a thread in sigwait() nor a signalfd takes it", id->pid,
			 id->comm, name);
		return ACT_REFUSED;
	case SIGNAL_IGNORED:
		snprintf(why, size, "pid %d (%s) ignores %s", id->pid, id->comm, name);
		return ACT_REFUSED;
	default:
		snprintf(why, size, "pid %d (%s) does not handle %s and could die of it", id->pid, id->comm, name);
		return ACT_REFUSED;
	}
}

enum act_result trim_act(const struct trim_action *action, int proc_fd, const struct pid_identity *id, char *why,
			 size_t size)
{
	enum act_result result = check(action, proc_fd, id, why, size);

	if (result != ACT_DONE)
		return result;
	if (action->dry_run)
		return ACT_DRY_RUN;
	if (!syscall(SYS_pidfd_send_signal, id->pidfd, action->signal, NULL, 0))
		return ACT_DONE;
	if (errno == ESRCH)
		return gone(why, size, id->pid);
	snprintf(why, size, "cannot signal pid %d: %s", id->pid, strerror(errno));
	return ACT_FAILED;
}
