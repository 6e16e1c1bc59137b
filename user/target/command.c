// SPDX-License-Identifier: GPL-2.0-only
#include "user/target/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void command_inherit(struct inherited *ret)
{
	sigprocmask(SIG_SETMASK, NULL, &ret->blocked);
	sigaction(SIGPIPE, NULL, &ret->on_sigpipe);
}

/* memgap's own, and what the gift adds. The strings are not copied. NULL: out of memory. */
static char **make_environment(const struct command_gift *gift)
{
	size_t n = 0;
	char **variables;

	while (environ[n])
		n++;
	variables = calloc(n + 2, sizeof(*variables));
	if (!variables)
		return NULL;
	memcpy(variables, environ, n * sizeof(*variables));
	if (gift)
		variables[n] = (char *)gift->variable;
	return variables;
}

static _Noreturn void run_child(char *const argv[], char *const envp[], const struct inherited *inherited,
				const struct command_gift *gift, const char *path, int hold_fd, int error_fd)
{
	char go;

	launch_restore_signals(inherited);
	if (gift)
		fcntl(gift->fd, F_SETFD, 0);
	if (read(hold_fd, &go, 1) != 1)
		_exit(0); /* memgap is gone */
	launch_execute(path, argv, envp, error_fd);
}

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static int fork_child(char *const argv[], char *const envp[], const struct inherited *inherited, const struct command_gift *gift,
		      struct command *ret, struct error *err)
{
	int hold[2], failure[2];
	pid_t pid;

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
		run_child(argv, envp, inherited, gift, ret->path, hold[0], failure[1]);
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

int command_start(char *const argv[], const struct inherited *inherited, const struct command_gift *gift, struct command *ret,
		  struct error *err)
{
	char **envp;
	int result;

	if (launch_find(argv[0], ret->path))
		return error_set(err, EXIT_TARGET, "no program '%s': give its path, or the name of one in PATH", argv[0]);
	envp = make_environment(gift);
	if (!envp)
		return error_set(err, EXIT_FAILED, "out of memory");
	result = fork_child(argv, envp, inherited, gift, ret, err);
	free(envp);
	return result;
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
