// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <sys/syscall.h>

#include "tests/unit/exec_script.h"

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
	tree_write(&tree, "script", "#!/bin/sh\ntrap 'echo tidied >$TOLD; exit' TERM\necho begun >$TOLD\nwhile :; do :; done\n");
	pid = child_start(that_starts_a_command);
	assert_string_equal(told(line), "begun");
	child_kill(pid);
	assert_string_equal(told(line), "tidied");
}

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
		on_a_tree(when_memgap_dies_the_command_is_asked_to_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
