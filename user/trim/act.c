// SPDX-License-Identifier: GPL-2.0-only
#include "user/trim/act.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/allocator/gate.h"
#include "user/kernel/signals.h"
#include "user/trim/pressure.h"

static enum act_result gone(char *why, size_t size, pid_t pid)
{
	snprintf(why, size, "pid %d has exited", pid);
	return ACT_GONE;
}

enum act_result trim_check_signal(int signal, int proc_fd, const struct pid_identity *id, char *why, size_t size)
{
	char buffer[ACTION_TEXT_MAX];
	const char *name = trim_signal_name(signal, buffer);
	enum signal_effect effect;
	int result = signal_effect_read(proc_fd, id->pid, signal, &effect);

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

static enum act_result send_by_pidfd(int signal, const struct pid_identity *id, char *why, size_t size)
{
	if (!syscall(SYS_pidfd_send_signal, id->pidfd, signal, NULL, 0))
		return ACT_DONE;
	if (errno == ESRCH)
		return gone(why, size, id->pid);
	snprintf(why, size, "cannot signal pid %d: %s", id->pid, strerror(errno));
	return ACT_FAILED;
}

static enum act_result send(int signal, struct gate *gate, const struct pid_identity *id, char *why, size_t size)
{
	char buffer[ACTION_TEXT_MAX];

	switch (gate ? gate_send(gate, id->pid, id->start_time, signal) : GATE_UNABLE) {
	case GATE_SENT:
		return ACT_DONE;
	case GATE_GONE:
		return gone(why, size, id->pid);
	case GATE_BUSY:
		snprintf(why, size, "pid %d (%s) is stopped or gets no CPU: whether it still handles %s when it goes on cannot be told", id->pid, id->comm,
			 trim_signal_name(signal, buffer));
		return ACT_REFUSED;
	case GATE_UNEXPECTED:
		snprintf(why, size, "pid %d (%s) does not handle %s any more and could die of it", id->pid, id->comm,
			 trim_signal_name(signal, buffer));
		return ACT_REFUSED;
	default:
		return send_by_pidfd(signal, id, why, size);
	}
}

static enum act_result act_by_signal(const struct trim_action *action, struct gate *gate, int proc_fd, const struct pid_identity *id,
				     char *why, size_t size)
{
	enum act_result result = trim_check_signal(action->signal, proc_fd, id, why, size);

	if (result != ACT_DONE)
		return result;
	return action->dry_run ? ACT_DRY_RUN : send(action->signal, gate, id, why, size);
}

enum act_result trim_act(const struct trim_action *action, struct gate *gate, int proc_fd, const struct pid_identity *id, char *why,
			 size_t size)
{
	if (action->kind == ACTION_PRESSURE)
		return pressure_tell(proc_fd, id, action->dry_run, why, size);
	return act_by_signal(action, gate, proc_fd, id, why, size);
}
