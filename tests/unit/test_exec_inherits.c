// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "tests/unit/exec_script.h"

/* What a command printed to what is stderr here, its end awaited. */
static char *output_of(const char *text, const struct exec_figure *figures, size_t n)
{
	int old_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	int fd = openat(tree.fd, "output", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static char output[65536];
	struct exec exec;
	char **argv;
	ssize_t used;

	assert_int_equal(exec_parse(text, &argv), 0);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(exec_start(argv, &inherited, figures, n, &exec), 0);
	assert_int_equal(dup2(old_stderr, STDERR_FILENO), STDERR_FILENO);
	exec_free(argv);
	assert_int_equal(await_end(&exec), 0);
	used = pread(fd, output, sizeof(output) - 1, 0);
	assert_true(used >= 0);
	output[used] = '\0';
	close(fd);
	close(old_stderr);
	return output;
}

static void stdout_is_stderr_and_stdin_is_empty(void **state)
{
	char path[PATH_MAX];

	(void)state;
	tree_write(&tree, "script", "#!/bin/sh\necho out\necho err >&2\ncat\nreadlink /proc/self/fd/0\n");
	assert_string_equal(output_of(tree_path(&tree, "script", path), NULL, 0), "out\nerr\n/dev/null\n");
}

static void no_descriptor_is_passed_on(void **state)
{
	int careless = dup(STDERR_FILENO), high = fcntl(STDERR_FILENO, F_DUPFD, 200);

	(void)state;
	assert_true(careless >= 0 && high >= 200);
	assert_string_equal(output_of("ls /proc/self/fd", NULL, 0), "0\n1\n2\n3\n"); /* 3: the directory */
	close(careless);
	close(high);
}

/* As it is when memgap was started with 2>&-: the number may be that of anything. */
static int try_without_stderr(void)
{
	struct exec exec;
	char path[PATH_MAX], *argv[] = { path, NULL };
	int own;

	tree_path(&tree, "script", path);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	own = openat(tree.fd, "own", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < 2; i++)
		if (dup3(own, i + 1, O_CLOEXEC) != i + 1)
			return 98;
	if (exec_start(argv, &inherited, NULL, 0, &exec))
		return 97;
	poll(&(struct pollfd){ .fd = exec.pidfd, .events = POLLIN }, 1, LONG_MS);
	return -exec_end(&exec, false, why, sizeof(why));
}

static void a_descriptor_that_has_the_number_of_stderr_is_not_taken_for_it(void **state)
{
	struct stat st;
	pid_t pid;
	int status;

	(void)state;
	tree_write(&tree, "script", "#!/bin/sh\necho text\necho text >&2\n");
	pid = fork();
	if (!pid)
		_exit(try_without_stderr());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(fstatat(tree.fd, "own", &st, 0), 0);
	assert_int_equal(st.st_size, 0);
}

/* Started with <&- >&- 2>&-: the pipe that tells of a failure gets such a number. */
static int try_without_stdio(void)
{
	struct exec exec;
	char path[PATH_MAX], *argv[] = { path, NULL };

	tree_path(&tree, "script", path);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	if (exec_start(argv, &inherited, NULL, 0, &exec))
		return 97;
	poll(&(struct pollfd){ .fd = exec.pidfd, .events = POLLIN }, 1, LONG_MS);
	return -exec_end(&exec, false, why, sizeof(why));
}

static void without_stdio_a_failure_is_told_as_well(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	tree_write(&tree, "script", "neither ELF nor a script\n");
	pid = fork();
	if (!pid)
		_exit(try_without_stdio());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), ENOEXEC);
}

static void known_figures_are_in_its_environment_and_others_are_not(void **state)
{
	static const struct exec_figure figures[] = {
		{ EXEC_PIDS, "12 345" }, { EXEC_CGROUP, "/a=b" }, { EXEC_RSS, NULL }, { EXEC_VERDICT, "retained" }, { EXEC_METRIC, "" },
	};
	char *output;

	(void)state;
	setenv("MEMGAP_RSS", "of another memgap", 1);
	setenv("MEMGAP_PIDS", "of another memgap", 1);
	setenv("ANOTHER", "variable", 1);
	output = output_of("env", figures, COUNT_OF(figures));
	unsetenv("MEMGAP_RSS");
	unsetenv("MEMGAP_PIDS");
	assert_non_null(strstr(output, "ANOTHER=variable\n"));
	assert_non_null(strstr(output, "MEMGAP_PIDS=12 345\n"));
	assert_non_null(strstr(output, "MEMGAP_CGROUP=/a=b\n"));
	assert_non_null(strstr(output, "MEMGAP_VERDICT=retained\n"));
	assert_non_null(strstr(output, "MEMGAP_METRIC=\n"));
	assert_null(strstr(output, "MEMGAP_RSS"));
	assert_null(strstr(output, "of another memgap"));
}

static void it_gets_the_signals_as_they_were_before_ours_changed(void **state)
{
	/* SIGUSR2 is bit 11, SIGPIPE 12: the fourth digit from the right */
	static const char *const lines[] = { "grep -cE ^SigBlk:\\s0*800$ /proc/self/status",
					     "grep -cE ^SigIgn:\\s[0-9a-f]*[02468ace]...$ /proc/self/status" };
	struct sigaction old_action;
	sigset_t usr2, all, old;

	(void)state;
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	sigprocmask(SIG_SETMASK, &usr2, &old);
	command_inherit(&inherited);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, &old_action);
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		check_row(lines[i], !strcmp(output_of(lines[i], NULL, 0), "1\n"));
	sigaction(SIGPIPE, &old_action, NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		on_a_tree(stdout_is_stderr_and_stdin_is_empty),
		on_a_tree(no_descriptor_is_passed_on),
		on_a_tree(a_descriptor_that_has_the_number_of_stderr_is_not_taken_for_it),
		on_a_tree(without_stdio_a_failure_is_told_as_well),
		on_a_tree(known_figures_are_in_its_environment_and_others_are_not),
		on_a_tree(it_gets_the_signals_as_they_were_before_ours_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
