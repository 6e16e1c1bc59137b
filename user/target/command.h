/* SPDX-License-Identifier: GPL-2.0-only */
/* A command that memgap starts itself, held before its first instruction until the probes are in place. */
#ifndef MEMGAP_TARGET_COMMAND_H
#define MEMGAP_TARGET_COMMAND_H

#include <limits.h>
#include <sys/types.h>

#include "user/base/error.h"
#include "user/target/launch.h"

struct command {
	pid_t pid;
	int release_fd; /* a byte written here lets it exec */
	int error_fd;   /* closed by a successful exec, else holds its errno */
	char path[PATH_MAX]; /* the file that will be executed */
};

/* What the program gets besides what memgap itself was given. */
struct command_gift {
	const char *variable; /* "NAME=value" of its environment, where no NAME is yet */
	int fd;               /* that it is to have open, O_CLOEXEC here */
};

/* As it is now: to be called before anything is changed. */
void command_inherit(struct inherited *ret);

/*
 * Finds argv[0] as execvp() would and forks a child that waits. The child is a child of memgap with its
 * environment, its terminal and its stdio, and with the signals as memgap got them; gift: NULL where there is none. Fails with
 * EXIT_TARGET when there is no such program. If memgap dies before the release, the child exits without having run anything.
 */
int command_start(char *const argv[], const struct inherited *inherited, const struct command_gift *gift, struct command *ret,
		  struct error *err);

/* Lets it run; waits until the exec has succeeded or failed (EXIT_FAILED, with the reason). */
int command_release(struct command *command, struct error *err);

#endif
