// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <poll.h>
#include <sys/syscall.h>

#include "user/target/command.h"
#include "user/trim/exec.h"

#define LONG_MS 10000

static struct tree tree;
static struct inherited inherited;
static int told_fd;  /* the FIFO "told", in which scripts say something */
static char why[256];

static int setup(void **state)
{
	char path[PATH_MAX];

	(void)state;
	tree = tree_make();
	command_inherit(&inherited);
	assert_return_code(mkfifoat(tree.fd, "told", 0600), errno);
	told_fd = openat(tree.fd, "told", O_RDWR | O_CLOEXEC);
	assert_true(told_fd >= 0);
	setenv("TOLD", tree_path(&tree, "told", path), 1);
	memset(why, 'x', sizeof(why));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(told_fd);
	tree_remove(&tree);
	return 0;
}

static void await_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&poll_fd, 1, LONG_MS), 1);
}

/* A line that a script has told. */
static const char *told(char line[64])
{
	ssize_t n;

	await_readable(told_fd);
	n = read(told_fd, line, 63);
	assert_true(n > 0 && line[n - 1] == '\n');
	line[n - 1] = '\0';
	return line;
}

static struct exec start(const char *text)
{
	struct exec exec;
	char **argv;

	assert_int_equal(exec_parse(text, &argv), 0);
	assert_int_equal(exec_start(argv, &inherited, NULL, 0, &exec), 0);
	exec_free(argv);
	return exec;
}

static struct exec start_script(const char *text)
{
	char path[PATH_MAX];

	tree_write(&tree, "script", text);
	return start(tree_path(&tree, "script", path));
}

static int await_end(struct exec *exec)
{
	int result;

	await_readable(exec->pidfd);
	result = exec_end(exec, false, why, sizeof(why));
	assert_int_equal(exec->pidfd, -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
	assert_int_equal(errno, ECHILD);
	return result;
}

static void the_text_is_split_at_blanks(void **state)
{
	static const struct {
		const char *text;
		const char *words[5];
	} rows[] = {
		{ "true", { "true" } },
		{ "  true\t", { "true" } },
		{ "sh -c x", { "sh", "-c", "x" } },
		{ "sh  \t -c 'a b'", { "sh", "-c", "'a", "b'" } },
		{ "/bin/sh a\nb", { "/bin/sh", "a\nb" } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char **argv;
		size_t n = 0;

		check_row(rows[i].text, exec_parse(rows[i].text, &argv) == 0);
		for (; argv[n]; n++)
			check_row(rows[i].text, rows[i].words[n] && !strcmp(argv[n], rows[i].words[n]));
		check_row(rows[i].text, !rows[i].words[n]);
		exec_free(argv);
	}
}

static void what_cannot_be_run_is_told_at_once(void **state)
{
	static const struct {
		const char *text;
		int result;
	} rows[] = {
		{ "", -EINVAL },
		{ " \t ", -EINVAL },
		{ "memgap-no-such-program", -ENOENT },
		{ "/no/such/program with words", -ENOENT },
		{ "/tmp", -ENOENT },
		{ "/etc/passwd", -ENOENT },
	};
	char **argv = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i].text, exec_parse(rows[i].text, &argv) == rows[i].result && !argv);
}

static void how_it_ended_is_told(void **state)
{
	static const struct {
		const char *script;
		int result;
		const char *said;
	} rows[] = {
		{ "#!/bin/sh\nexit 0\n", 0, "" },
		{ "#!/bin/sh\nexit 3\n", -EIO, "exited with status 3" },
		{ "#!/bin/sh\nexit 127\n", -EIO, "exited with status 127" },
		{ "#!/bin/sh\nkill -SEGV $$\n", -EIO, "was killed by SIGSEGV" },
		{ "#!/bin/sh\nkill -KILL $$\n", -EIO, "was killed by SIGKILL" },
		{ "#!/bin/sh\nkill -40 $$\n", -EIO, "was killed by signal 40" },
		{ "neither ELF nor a script\n", -ENOEXEC, "cannot execute" },
		{ "#!/no/such/interpreter\n", -ENOENT, "cannot execute" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct exec exec = start_script(rows[i].script);

		check_row(rows[i].script, await_end(&exec) == rows[i].result);
		check_row(rows[i].script, *rows[i].said ? strstr(why, rows[i].said) && strstr(why, "/script") : !*why);
	}
}

static void a_program_that_has_gone_since_is_told_by_the_start(void **state)
{
	struct exec exec = { .pidfd = 77 };
	char path[PATH_MAX], **argv;

	(void)state;
	tree_write(&tree, "script", "#!/bin/sh\n");
	assert_int_equal(exec_parse(tree_path(&tree, "script", path), &argv), 0);
	assert_return_code(unlinkat(tree.fd, "script", 0), errno);
	assert_int_equal(exec_start(argv, &inherited, NULL, 0, &exec), -ENOENT);
	assert_int_equal(exec.pidfd, 77);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	exec_free(argv);
}

static void what_has_not_ended_goes_on(void **state)
{
	struct exec exec = start_script("#!/bin/sh\ntrap 'exit 4' TERM\necho set >$TOLD\nwhile :; do :; done\n");
	char line[64];

	(void)state;
	assert_string_equal(told(line), "set");
	assert_int_equal(exec_end(&exec, false, why, sizeof(why)), -EINPROGRESS);
	assert_true(exec.pidfd >= 0);
	kill(exec.pid, SIGTERM); /* it was not killed: it decides how it ends */
	assert_int_equal(await_end(&exec), -EIO);
	assert_non_null(strstr(why, "exited with status 4"));
}

/* It takes no notice of what would end it, and has a child that does not either. */
static const char hanging[] = "#!/bin/sh\n"
			      "trap '' TERM INT HUP\n"
			      "sh -c 'trap \"\" TERM; echo $$ >$TOLD; while :; do sleep 1000; done' &\n"
			      "while :; do wait; done\n";

static int open_process(const char *pid)
{
	int fd = (int)syscall(SYS_pidfd_open, atoi(pid), 0);

	assert_true(fd >= 0);
	return fd;
}

static void what_hangs_is_killed_with_all_that_it_started(void **state)
{
	struct exec exec = start_script(hanging);
	char line[64];
	int child_fd = open_process(told(line)), result;

	(void)state;
	result = exec_end(&exec, true, why, sizeof(why));
	assert_int_equal(result, -EINPROGRESS);
	await_readable(child_fd);
	await_readable(exec.pidfd);
	assert_int_equal(exec_end(&exec, false, why, sizeof(why)), -ETIMEDOUT);
	assert_non_null(strstr(why, "did not end within 10 s: killed"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	close(child_fd);
}

static void who_ended_when_the_time_was_over_has_ended_by_itself(void **state)
{
	struct exec exec = start_script("#!/bin/sh\nexit 5\n");

	(void)state;
	await_readable(exec.pidfd);
	assert_int_equal(exec_end(&exec, true, why, sizeof(why)), -EIO);
	assert_non_null(strstr(why, "status 5"));
}

static void what_is_abandoned_is_killed_with_all_that_it_started(void **state)
{
	struct exec exec = start_script(hanging);
	char line[64];
	int child_fd = open_process(told(line));

	(void)state;
	exec_abandon(&exec);
	await_readable(child_fd);
	waitpid(exec.pid, NULL, 0);
	exec_abandon(&exec);
	close(child_fd);
}

static void it_is_in_a_process_group_of_its_own(void **state)
{
	struct exec exec = start_script(hanging);
	char line[64];

	(void)state;
	assert_int_equal(getpgid(exec.pid), exec.pid);
	assert_int_equal(getpgid(atoi(told(line))), exec.pid);
	exec_abandon(&exec);
	waitpid(exec.pid, NULL, 0);
}

/* What a command printed to what is stderr here, its end awaited. */
static char *output_of(const char *text, const struct exec_figure *figures, size_t n)
{
	int old_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), fd = openat(tree.fd, "output", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
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

/* In the place of memgap, which is killed while the command runs. */
static void that_starts_a_command(int ready_fd)
{
	char path[PATH_MAX], *argv[] = { path, NULL };
	struct exec exec;

	tree_path(&tree, "script", path);
	if (exec_start(argv, &inherited, NULL, 0, &exec))
		_exit(1);
	child_is_ready(ready_fd);
	for (;;)
		pause();
}

static void when_memgap_dies_the_command_is_asked_to_end(void **state)
{
	char line[64];
	pid_t pid;

	(void)state;
	tree_write(&tree, "script", "#!/bin/sh\ntrap 'kill $!; echo tidied >$TOLD; exit' TERM\nsleep 1000 &\necho begun >$TOLD\nwait\n");
	pid = child_start(that_starts_a_command);
	assert_string_equal(told(line), "begun");
	child_kill(pid);
	assert_string_equal(told(line), "tidied");
}

#define on_a_tree(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		on_a_tree(the_text_is_split_at_blanks),
		on_a_tree(what_cannot_be_run_is_told_at_once),
		on_a_tree(how_it_ended_is_told),
		on_a_tree(a_program_that_has_gone_since_is_told_by_the_start),
		on_a_tree(what_has_not_ended_goes_on),
		on_a_tree(what_hangs_is_killed_with_all_that_it_started),
		on_a_tree(who_ended_when_the_time_was_over_has_ended_by_itself),
		on_a_tree(what_is_abandoned_is_killed_with_all_that_it_started),
		on_a_tree(it_is_in_a_process_group_of_its_own),
		on_a_tree(stdout_is_stderr_and_stdin_is_empty),
		on_a_tree(no_descriptor_is_passed_on),
		on_a_tree(a_descriptor_that_has_the_number_of_stderr_is_not_taken_for_it),
		on_a_tree(known_figures_are_in_its_environment_and_others_are_not),
		on_a_tree(it_gets_the_signals_as_they_were_before_ours_changed),
		on_a_tree(when_memgap_dies_the_command_is_asked_to_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
