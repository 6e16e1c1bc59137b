// SPDX-License-Identifier: GPL-2.0-only
#include "user/trim/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLANKS " \t"
#define OWN_PREFIX "MEMGAP_"

/* Two words more than half the characters cannot be: each takes one and a blank. */
static char **split(const char *text)
{
	char **argv = calloc(strlen(text) / 2 + 2, sizeof(*argv));
	size_t n = 0;

	while (argv && *(text += strspn(text, BLANKS))) {
		size_t length = strcspn(text, BLANKS);

		argv[n] = strndup(text, length);
		if (!argv[n++]) {
			exec_free(argv);
			return NULL;
		}
		text += length;
	}
	return argv;
}

int exec_parse(const char *text, char ***ret_argv)
{
	char **argv = split(text), path[PATH_MAX];
	int result;

	if (!argv)
		return -ENOMEM;
	result = argv[0] ? launch_find(argv[0], path) : -EINVAL;
	if (result) {
		exec_free(argv);
		return result;
	}
	*ret_argv = argv;
	return 0;
}

void exec_free(char **argv)
{
	for (char **word = argv; word && *word; word++)
		free(*word);
	free(argv);
}

/* A copy of memgap's own environment, and the figures; for exec_free(). NULL: out of memory. */
static char **make_environment(const struct exec_figure *figures, size_t n_figures)
{
	size_t n = 0;
	char **variables;
	bool failed = false;

	while (environ[n])
		n++;
	variables = calloc(n + n_figures + 1, sizeof(*variables));
	n = 0;
	for (char **variable = environ; variables && *variable && !failed; variable++) {
		if (!strncmp(*variable, OWN_PREFIX, strlen(OWN_PREFIX)))
			continue;
		variables[n] = strdup(*variable);
		failed = !variables[n++];
	}
	for (size_t i = 0; variables && i < n_figures && !failed; i++) {
		if (!figures[i].value)
			continue;
		failed = asprintf(&variables[n], "%s=%s", figures[i].name, figures[i].value) < 0;
		if (failed)
			variables[n] = NULL;
		n++;
	}
	if (failed) {
		exec_free(variables);
		return NULL;
	}
	return variables;
}

/* Not so when memgap was started without one, and a descriptor of its own has taken its number. */
static bool has_stderr(void)
{
	return fcntl(STDERR_FILENO, F_GETFD) == 0;
}

static int set_stdio(void)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0 || dup2(has_stderr() ? STDERR_FILENO : null_fd, STDOUT_FILENO) < 0 ||
	    dup2(STDOUT_FILENO, STDERR_FILENO) < 0 || dup2(null_fd, STDIN_FILENO) < 0)
		return -errno;
	return 0;
}

/* memgap's own are all closed on exec; not so what it was itself given. Before Linux 5.9 that is passed on. */
static void close_others(int but_fd)
{
	close_range(STDERR_FILENO + 1, (unsigned int)but_fd - 1, 0); /* EINVAL: there is none between */
	close_range((unsigned int)but_fd + 1, ~0U, 0);
}

/* After fork(): memgap has other threads, so only what signal-safety(7) lists. */
static _Noreturn void run_child(const char *path, char *const argv[], char *const envp[], const struct inherited *inherited,
				pid_t parent, int error_fd)
{
	/* out of the way of stdio, where memgap was started without */
	int away_fd = fcntl(error_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), error;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (away_fd < 0 || getppid() != parent)
		_exit(127); /* memgap is gone */
	error = set_stdio();
	if (error) {
		error = -error;
		_exit(write(away_fd, &error, sizeof(error)) < 0 ? 126 : 127);
	}
	close_others(away_fd);
	launch_restore_signals(inherited);
	launch_execute(path, argv, envp, away_fd);
}

static int fork_child(char *const argv[], char *const envp[], const struct inherited *inherited, struct exec *exec)
{
	pid_t parent = getpid();
	int failure[2], error;

	if (pipe2(failure, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	exec->pid = fork();
	if (!exec->pid)
		run_child(exec->path, argv, envp, inherited, parent, failure[1]);
	error = -errno;
	close(failure[1]);
	if (exec->pid < 0) {
		close(failure[0]);
		return error;
	}
	/* here and there, so that the group is there whoever comes first; when it has been executed, it is */
	setpgid(exec->pid, exec->pid);
	exec->error_fd = failure[0];
	return 0;
}

int exec_start(char *const argv[], const struct inherited *inherited, const struct exec_figure *figures, size_t n,
	       struct exec *ret)
{
	struct exec exec = { .pidfd = -1, .error_fd = -1 };
	char **envp;
	int result = launch_find(argv[0], exec.path);

	if (result)
		return result;
	envp = make_environment(figures, n);
	if (!envp)
		return -ENOMEM;
	result = fork_child(argv, envp, inherited, &exec);
	exec_free(envp);
	if (result)
		return result;
	exec.pidfd = (int)syscall(SYS_pidfd_open, exec.pid, 0);
	if (exec.pidfd < 0) {
		result = -errno;
		kill(-exec.pid, SIGKILL);
		waitpid(exec.pid, NULL, 0);
		close(exec.error_fd);
		return result;
	}
	*ret = exec;
	return 0;
}

static void close_fds(struct exec *exec)
{
	close(exec->pidfd);
	close(exec->error_fd);
	exec->pidfd = exec->error_fd = -1;
}

/* Its id, and so that of its group, is not given to others before it is reaped. */
static void kill_group(struct exec *exec)
{
	kill(-exec->pid, SIGKILL);
	exec->killed = true;
}

static int explain(const struct exec *exec, int failure, const siginfo_t *end, char *why, size_t size)
{
	const char *name = sigabbrev_np(end->si_status);

	if (failure) {
		snprintf(why, size, "cannot execute %s: %s", exec->path, strerror(-failure));
		return failure;
	}
	if (exec->killed && end->si_code != CLD_EXITED) {
		snprintf(why, size, "%s did not end within %llu s: killed", exec->path, EXEC_LONGEST_NS / 1000000000ULL);
		return -ETIMEDOUT;
	}
	if (end->si_code == CLD_EXITED && !end->si_status)
		return 0;
	if (end->si_code == CLD_EXITED)
		snprintf(why, size, "%s exited with status %d", exec->path, end->si_status);
	else if (name)
		snprintf(why, size, "%s was killed by SIG%s", exec->path, name);
	else
		snprintf(why, size, "%s was killed by signal %d", exec->path, end->si_status);
	return -EIO;
}

/* 0 with ret->si_pid 0: it goes on. */
static int reap(const struct exec *exec, siginfo_t *ret)
{
	int result;

	*ret = (siginfo_t){ 0 };
	do
		result = waitid(P_PIDFD, (id_t)exec->pidfd, ret, WEXITED | WNOHANG) ? -errno : 0;
	while (result == -EINTR);
	return result;
}

int exec_end(struct exec *exec, bool timed_out, char *why, size_t size)
{
	siginfo_t end;
	int error = reap(exec, &end), failure;

	if (size)
		why[0] = '\0';
	if (!error && !end.si_pid) {
		if (timed_out)
			kill_group(exec);
		return -EINPROGRESS;
	}
	failure = launch_result(exec->error_fd);
	if (failure == -EAGAIN)
		failure = 0; /* it has written nothing; another child, not executed yet, has the other end as well */
	close_fds(exec);
	if (error) {
		snprintf(why, size, "how %s ended is not known: %s", exec->path, strerror(-error));
		return error;
	}
	return explain(exec, failure, &end, why, size);
}

void exec_abandon(struct exec *exec)
{
	siginfo_t end;

	if (exec->pidfd < 0)
		return;
	if (!reap(exec, &end) && !end.si_pid) {
		kill_group(exec);
		reap(exec, &end);
	}
	close_fds(exec);
}
