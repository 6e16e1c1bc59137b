// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program built with SANITIZE= does when a sanitizer finds something: it writes a report into a folder that tests/run.sh
 * looks into after each suite, and ends. Set in the program, not by the environment: the tests start some with one of their own, and
 * what is written to the standard error of a server is seen by nobody.
 */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	return "log_path=" REPORTS "/asan:exitcode=99:detect_stack_use_after_return=1:strict_string_checks=1"
	       ":disable_coredump=0" /* a limit that each COMMAND would have too */;
}

const char *__ubsan_default_options(void)
{
	return "log_path=" REPORTS "/ubsan:exitcode=99:print_stacktrace=1";
}
