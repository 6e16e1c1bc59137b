// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program built with SANITIZE= does when a sanitizer finds something: it writes a report into a folder that tests/run.sh
 * looks into after each suite, and ends. Set in the program, not by the environment: the tests start some with one of their own, and
 * what is written to the standard error of a server is seen by nobody.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

const char *__asan_default_options(void);
const char *__lsan_default_options(void);
const char *__lsan_default_suppressions(void);
int __lsan_is_turned_off(void);
const char *__ubsan_default_options(void);
void __ubsan_on_report(void);
void __ubsan_get_current_report_data(const char **ret_kind, const char **ret_message, const char **ret_file, unsigned int *ret_line,
				     unsigned int *ret_column, char **ret_address) __attribute__((weak));

const char *__asan_default_options(void)
{
	return "log_path=" REPORTS "/asan:exitcode=99:detect_stack_use_after_return=1"
	       ":disable_coredump=0" /* a limit that each COMMAND would have too */
	       ":verify_asan_link_order=0" /* a test preloads a clock that jumps */;
}

/* A report is of what was found, not of what was let pass. */
const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

/* curses keeps its terminal for good: curs_memleaks(3X). */
const char *__lsan_default_suppressions(void)
{
	return "leak:libtinfo\n";
}

/* It finds the threads there, and where a test hides that it would fail. No environment tells it so: that it reads in /proc too. */
int __lsan_is_turned_off(void)
{
	return access("/proc/self/task", R_OK | X_OK) != 0;
}

const char *__ubsan_default_options(void)
{
	return "exitcode=99:print_stacktrace=1";
}

/* Beside ASan it takes no log_path. */
void __ubsan_on_report(void)
{
	const char *kind = "", *message = "", *file = "";
	unsigned int line = 0, column = 0;
	char path[sizeof(REPORTS) + 32], *address;
	int fd;

	if (__ubsan_get_current_report_data)
		__ubsan_get_current_report_data(&kind, &message, &file, &line, &column, &address);
	snprintf(path, sizeof(path), REPORTS "/ubsan.%d", getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		return; /* it ends with its exit status all the same */
	dprintf(fd, "%s:%u: runtime error: %s\n", file, line, message);
	close(fd);
}
