// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/target/command.h"

static struct tree tree;
static struct inherited inherited;

static int setup(void **state)
{
	(void)state;
	tree = tree_make();
	command_inherit(&inherited);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(&tree);
	return 0;
}

static bool exists(const char *path)
{
	return faccessat(tree.fd, path, F_OK, 0) == 0;
}

static int exit_status(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void the_program_waits_for_its_release_and_gets_its_arguments(void **state)
{
	char witness[PATH_MAX];
	char *argv[] = { "sh", "-c", "echo \"$1\" > \"$0\"; exit 42", witness, "two words", NULL };
	struct command command;
	struct error err;
	char text[32] = "", link[64], exe[PATH_MAX] = "";

	(void)state;
	tree_path(&tree, "witness", witness);
	assert_int_equal(command_start(argv, &inherited, NULL, &command, &err), 0);
	assert_true(command.path[0] == '/');
	/* it is there, a child, and still this program */
	snprintf(link, sizeof(link), "/proc/%d/exe", command.pid);
	assert_true(readlink(link, exe, sizeof(exe) - 1) > 0);
	assert_non_null(strstr(exe, "test_command"));
	assert_false(exists("witness"));
	assert_int_equal(command_release(&command, &err), 0);
	assert_int_equal(exit_status(command.pid), 42);
	assert_int_equal(readlinkat(tree.fd, "witness", text, sizeof(text)), -1); /* a plain file */
	int fd = openat(tree.fd, "witness", O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 10);
	assert_string_equal(text, "two words\n");
	close(fd);
}

static void a_program_that_is_not_there_is_told_before_anything_is_started(void **state)
{
	static const char *const names[] = { "memgap-no-such-program", "/no/such/program", "./no-such-program", "", "/tmp",
					     "/etc/passwd" };
	struct command command;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char *argv[] = { (char *)names[i], NULL };
		struct error err = { 0 };

		check_row(names[i], command_start(argv, &inherited, NULL, &command, &err) == -1);
		check_row(names[i], err.status == EXIT_TARGET && strstr(err.text, names[i]));
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child */
}

static void a_name_is_looked_up_in_path_in_its_order(void **state)
{
	char path[PATH_MAX * 3], first[PATH_MAX], second[PATH_MAX], expected[PATH_MAX], *old;
	char *argv[] = { "prog", NULL };
	struct command command;
	struct error err;

	(void)state;
	assert_non_null(getenv("PATH"));
	old = strdup(getenv("PATH")); /* NOLINT(clang-analyzer-core.NonNullParamChecker): it is there, see above */
	tree_mkdir(&tree, "first");
	tree_mkdir(&tree, "second");
	tree_write(&tree, "first/prog", "#!/bin/sh\nexit 1\n");
	assert_int_equal(fchmodat(tree.fd, "first/prog", 0644, 0), 0); /* not to be executed, so not it */
	tree_write(&tree, "second/prog", "#!/bin/sh\nexit 2\n");
	snprintf(path, sizeof(path), "/nowhere:%s:%s:/bin", tree_path(&tree, "first", first), tree_path(&tree, "second", second));
	setenv("PATH", path, 1);
	assert_int_equal(command_start(argv, &inherited, NULL, &command, &err), 0);
	setenv("PATH", old, 1);
	free(old);
	assert_string_equal(command.path, tree_path(&tree, "second/prog", expected));
	assert_int_equal(command_release(&command, &err), 0);
	assert_int_equal(exit_status(command.pid), 2);
}

static void a_file_that_the_kernel_cannot_execute_is_told_at_the_release(void **state)
{
	char path[PATH_MAX];
	char *argv[] = { path, NULL };
	struct command command;
	struct error err = { 0 };

	(void)state;
	tree_write(&tree, "text", "neither ELF nor a script\n");
	tree_path(&tree, "text", path);
	assert_int_equal(command_start(argv, &inherited, NULL, &command, &err), 0);
	assert_int_equal(command_release(&command, &err), -1);
	assert_int_equal(err.status, EXIT_FAILED);
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, strerror(ENOEXEC)));
	assert_int_equal(waitpid(command.pid, NULL, WNOHANG), -1); /* reaped already */
	assert_int_equal(errno, ECHILD);
}

static void a_command_never_released_exits_without_having_run(void **state)
{
	char witness[PATH_MAX];
	char *argv[] = { "touch", witness, NULL };
	struct command command;
	struct error err;

	(void)state;
	tree_path(&tree, "touched", witness);
	assert_int_equal(command_start(argv, &inherited, NULL, &command, &err), 0);
	close(command.release_fd);
	close(command.error_fd);
	assert_int_equal(exit_status(command.pid), 0);
	assert_false(exists("touched"));
}

static void the_release_closes_its_descriptors_and_the_program_inherits_none(void **state)
{
	/* lists what is open above stdio, but for the directory that ls itself reads */
	char *argv[] = { "sh", "-c", "exec 2>/dev/null; for i in 3 4 5 6 7 8 9 10 11 12; do [ ! -e /proc/self/fd/$i ] || exit 9; done",
			 NULL };
	struct command command;
	struct error err;
	int fd;

	(void)state;
	for (fd = 3; fd < 20; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			fcntl(fd, F_SETFD, FD_CLOEXEC); /* what this program itself was given */
	assert_int_equal(command_start(argv, &inherited, NULL, &command, &err), 0);
	fd = command.release_fd;
	assert_int_equal(command_release(&command, &err), 0);
	assert_int_equal(exit_status(command.pid), 0);
	assert_int_equal(command.release_fd, -1);
	assert_int_equal(command.error_fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* The rest of the environment, and of what is open, is as without. */
static void the_program_gets_what_it_is_given_and_memgap_keeps_its_own(void **state)
{
	char script[128];
	char *argv[] = { "sh", "-c", script, NULL };
	int fd = openat(tree.fd, "gift", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct command_gift gift = { "MEMGAP_TEST_GIFT=two words", fd };
	struct command command;
	struct error err;

	(void)state;
	snprintf(script, sizeof(script), "[ \"$MEMGAP_TEST_GIFT\" = 'two words' ] && [ \"$PATH\" ] && echo x >&%d", fd);
	assert_int_equal(command_start(argv, &inherited, &gift, &command, &err), 0);
	assert_int_equal(command_release(&command, &err), 0);
	assert_int_equal(exit_status(command.pid), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 2);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_null(getenv("MEMGAP_TEST_GIFT"));
	close(fd);
}

static void the_program_gets_the_signals_as_they_were_before_ours_changed(void **state)
{
	/* bit 11 is USR2 */
	char *argv[] = { "grep", "-qE", "^SigBlk:\\s0*800$", "/proc/self/status", NULL };
	char *pipe_argv[] = { "grep", "-qE", "^SigIgn:\\s[0-9a-f]*[02468ace]...$", "/proc/self/status", NULL };
	struct sigaction old_action;
	struct command command;
	struct inherited before;
	sigset_t usr2, all, old;
	struct error err;

	(void)state;
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	sigprocmask(SIG_SETMASK, &usr2, &old);
	command_inherit(&before);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, &old_action); /* bit 12: the fourth digit from the right */
	assert_int_equal(command_start(argv, &before, NULL, &command, &err), 0);
	assert_int_equal(command_release(&command, &err), 0);
	assert_int_equal(exit_status(command.pid), 0);
	assert_int_equal(command_start(pipe_argv, &before, NULL, &command, &err), 0);
	assert_int_equal(command_release(&command, &err), 0);
	assert_int_equal(exit_status(command.pid), 0);
	sigaction(SIGPIPE, &old_action, NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void a_command_killed_before_its_release_is_told(void **state)
{
	char *argv[] = { "true", NULL };
	struct sigaction old_action;
	struct command command;
	struct error err = { 0 };

	(void)state;
	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, &old_action); /* as memgap has it */
	assert_int_equal(command_start(argv, &inherited, NULL, &command, &err), 0);
	kill(command.pid, SIGKILL);
	child_await_zombie(command.pid);
	assert_int_equal(command_release(&command, &err), -1);
	assert_int_equal(err.status, EXIT_FAILED);
	assert_non_null(strstr(err.text, command.path));
	sigaction(SIGPIPE, &old_action, NULL);
	waitpid(command.pid, NULL, 0);
	if (command.release_fd >= 0)
		close(command.release_fd);
	if (command.error_fd >= 0)
		close(command.error_fd);
}

#define on_a_tree(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		on_a_tree(the_program_waits_for_its_release_and_gets_its_arguments),
		on_a_tree(a_program_that_is_not_there_is_told_before_anything_is_started),
		on_a_tree(a_name_is_looked_up_in_path_in_its_order),
		on_a_tree(a_file_that_the_kernel_cannot_execute_is_told_at_the_release),
		on_a_tree(a_command_never_released_exits_without_having_run),
		on_a_tree(the_release_closes_its_descriptors_and_the_program_inherits_none),
		on_a_tree(the_program_gets_what_it_is_given_and_memgap_keeps_its_own),
		on_a_tree(the_program_gets_the_signals_as_they_were_before_ours_changed),
		on_a_tree(a_command_killed_before_its_release_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
