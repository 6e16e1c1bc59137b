/* SPDX-License-Identifier: GPL-2.0-only */
/* What a trim does: --trim-with. */
#ifndef MEMGAP_TRIM_ACTION_H
#define MEMGAP_TRIM_ACTION_H

#include <stdbool.h>

#define ACTION_TEXT_MAX 128

enum action_kind {
	ACTION_NONE,
	ACTION_AUTO,     /* by the verdict: a signal, or reclaim, or nothing */
	ACTION_SIGNAL,   /* to the process: its allocator gives back what it can */
	ACTION_PRESSURE, /* the same by systemd's memory-pressure protocol */
	ACTION_RECLAIM,  /* the kernel takes back from the cgroup what it can */
	ACTION_EXEC,     /* a command */
};

struct trim_action {
	enum action_kind kind;
	int signal;                 /* of ACTION_SIGNAL, and of ACTION_AUTO */
	char text[ACTION_TEXT_MAX]; /* "signal:USR1"; a long command is cut */
	char **argv;                /* of ACTION_EXEC; trim_action_free() */
	bool forced;                /* also where it is blunt, or the verdict speaks against it */
	bool dry_run;
};

/*
 * "auto", "signal:NAME", "pressure", "reclaim", "exec:COMMAND". NAME: USR1, SIGUSR1, RTMIN+2 or a number. COMMAND is split at
 * blanks, there is no shell. -EINVAL when malformed or no such signal, -EPERM for a signal that no program can take (KILL, STOP),
 * -ENOENT: there is no such command. What was in *ret before is not freed, `forced` and `dry_run` stay.
 */
int trim_action_parse(const char *text, struct trim_action *ret);
void trim_action_free(struct trim_action *action);

/* The name of a signal as in an action's text: "USR1", "RTMIN+2". */
const char *trim_signal_name(int signal, char buffer[ACTION_TEXT_MAX]);

/* An action without "auto": of that, the part that is now to be done, "signal:USR1" or "reclaim". */
void trim_action_choose(const struct trim_action *action, enum action_kind kind, struct trim_action *ret);

#endif
