// SPDX-License-Identifier: GPL-2.0-only
#include "user/trim/action.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "user/base/units.h"
#include "user/trim/exec.h"

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

const char *trim_signal_name(int signal, char buffer[ACTION_TEXT_MAX])
{
	if (sigabbrev_np(signal))
		return sigabbrev_np(signal);
	if (signal == SIGRTMIN)
		return "RTMIN";
	snprintf(buffer, ACTION_TEXT_MAX, "RTMIN+%d", signal - SIGRTMIN);
	return buffer;
}

static int take_signal(const char *name, struct trim_action *action)
{
	char buffer[ACTION_TEXT_MAX];

	action->kind = ACTION_SIGNAL;
	action->signal = signal_by_name(name);
	if (action->signal < 0)
		return action->signal;
	if (action->signal == SIGKILL || action->signal == SIGSTOP)
		return -EPERM;
	snprintf(action->text, sizeof(action->text), "signal:%.40s", trim_signal_name(action->signal, buffer));
	return 0;
}

static int take_exec(const char *command, struct trim_action *action)
{
	action->kind = ACTION_EXEC;
	snprintf(action->text, sizeof(action->text), "exec:%s", command);
	return exec_parse(command, &action->argv);
}

int trim_action_parse(const char *text, struct trim_action *ret)
{
	struct trim_action action = { .signal = SIGUSR1, .forced = ret->forced, .dry_run = ret->dry_run };
	int result = 0;

	snprintf(action.text, sizeof(action.text), "%s", text);
	if (!strncmp(text, "signal:", strlen("signal:")))
		result = take_signal(text + strlen("signal:"), &action);
	else if (!strncmp(text, "exec:", strlen("exec:")))
		result = take_exec(text + strlen("exec:"), &action);
	else if (!strcmp(text, "auto"))
		action.kind = ACTION_AUTO;
	else if (!strcmp(text, "pressure"))
		action.kind = ACTION_PRESSURE;
	else if (!strcmp(text, "reclaim"))
		action.kind = ACTION_RECLAIM;
	else
		result = -EINVAL;
	if (!result)
		*ret = action;
	return result;
}

void trim_action_free(struct trim_action *action)
{
	exec_free(action->argv);
	action->argv = NULL;
}

void trim_action_choose(const struct trim_action *action, enum action_kind kind, struct trim_action *ret)
{
	char buffer[ACTION_TEXT_MAX];

	*ret = *action;
	ret->kind = kind;
	if (action->kind != ACTION_AUTO)
		return;
	if (kind == ACTION_SIGNAL)
		snprintf(ret->text, sizeof(ret->text), "signal:%.40s", trim_signal_name(action->signal, buffer));
	else if (kind == ACTION_RECLAIM)
		strcpy(ret->text, "reclaim");
}
