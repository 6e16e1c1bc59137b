// SPDX-License-Identifier: GPL-2.0-only
#include "user/target/command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void command_inherit(struct inherited *ret)
{
	sigprocmask(SIG_SETMASK, NULL, &ret->blocked);
	sigaction(SIGPIPE, NULL, &ret->on_sigpipe);
}

static _Noreturn void run_child(char *const argv[], const struct inherited *inherited, const char *path, int hold_fd,
				int error_fd)
{
	char go;

	launch_restore_signals(inherited);
	if (read(hold_fd, &go, 1) != 1)
		_exit(0); /* memgap is gone */
	launch_execute(path, argv, environ, error_fd);
}

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

int command_start(char *const argv[], const struct inherited *inherited, struct command *ret, struct error *err)
{
	int hold[2], failure[2];
	pid_t pid;

	if (launch_find(argv[0], ret->path))
		return error_set(err, EXIT_TARGET, "no program '%s': give its path, or the name of one in PATH", argv[0]);
	if (pipe2(hold, O_CLOEXEC))
		return error_set(err, EXIT_FAILED, "cannot make a pipe: %s", strerror(errno));
	if (pipe2(failure, O_CLOEXEC)) {
		error_set(err, EXIT_FAILED, "cannot make a pipe: %s", strerror(errno));
		close_pair(hold);
		return -1;
	}
	pid = fork();
	if (!pid) {
		close(hold[1]); /* else the child would hold its own leash */
		run_child(argv, inherited, ret->path, hold[0], failure[1]);
	}
	if (pid < 0) {
		error_set(err, EXIT_FAILED, "cannot fork: %s", strerror(errno));
		close_pair(hold);
		close_pair(failure);
		return -1;
	}
	close(hold[0]);
	close(failure[1]);
	ret->pid = pid;
	ret->release_fd = hold[1];
	ret->error_fd = failure[0];
	return 0;
}

int command_release(struct command *command, struct error *err)
{
	int result;

	if (write(command->release_fd, "", 1) != 1)
		return error_set(err, EXIT_FAILED, "cannot start %s: its process is gone", command->path);
	result = launch_result(command->error_fd);
	close(command->release_fd);
	close(command->error_fd);
	command->release_fd = command->error_fd = -1;
	if (!result)
		return 0;
	waitpid(command->pid, NULL, 0);
	return error_set(err, EXIT_FAILED, "cannot execute %s: %s", command->path, strerror(-result));
}
