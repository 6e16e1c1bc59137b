/* SPDX-License-Identifier: GPL-2.0-only */
/* What it takes to start a program as if somebody else than memgap had done it. */
#ifndef MEMGAP_TARGET_LAUNCH_H
#define MEMGAP_TARGET_LAUNCH_H

#include <limits.h>
#include <signal.h>

/* What a program inherits and memgap changes for itself. */
struct inherited {
	sigset_t blocked;
	struct sigaction on_sigpipe;
};

/* The file that execvp() would take for this name: in PATH, or the name itself when it has a slash. -ENOENT. */
int launch_find(const char *name, char ret_path[PATH_MAX]);

/* In a forked child: the signals as memgap got them. */
void launch_restore_signals(const struct inherited *inherited);

/* In a forked child: executes the file. If that fails its errno is written to error_fd, the O_CLOEXEC end of a pipe. */
_Noreturn void launch_execute(const char *path, char *const argv[], char *const envp[], int error_fd);

/* At the other end: 0 when it was executed, -errno when it was not, -EAGAIN when the pipe does not block and neither is known. */
int launch_result(int error_fd);

#endif
