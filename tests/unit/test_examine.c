// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "tests/unit/elf_image.h"
#include "user/allocator/examine.h"
#include "user/allocator/translator.h"

static void the_reason_names_what_is_in_the_way(void **state)
{
	static const struct examined_file unknown = { .result = -EOPNOTSUPP, .path = "/opt/libown.so" };
	static const struct examined_file *own[] = { &unknown };
	static const struct {
		const char *name;
		struct examined examined;
		const char *words[2];
	} rows[] = {
		{ "Go", { .program = { .known = true, .is_go = true, .is_static = true } }, { "a Go program", "no malloc" } },
		{ "Go, dynamic", { .program = { .known = true, .is_go = true } }, { "a Go program", "no malloc" } },
		{ "static", { .program = { .known = true, .is_static = true, .has_symbols = true } }, { "a static executable", "memgap knows" } },
		{ "stripped", { .program = { .known = true, .is_static = true } }, { "stripped", "static executable" } },
		{ "dynamic", { .program = { .known = true, .has_symbols = true } }, { "no allocator", "memgap knows" } },
		{ "not known", { .program = { .is_go = true, .is_static = true } }, { "no allocator", "memgap knows" } },
		{ "another allocator", { .program = { .known = true }, .n = 1, .allocators = own }, { "/opt/libown.so", "none that memgap knows" } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[EXAMINED_WHY_MAX];

		examined_explain_nothing(&rows[i].examined, text);
		check_row(rows[i].name, strstr(text, rows[i].words[0]) && strstr(text, rows[i].words[1]));
		check_row(rows[i].name, !examined_is_probed(&rows[i].examined));
	}
}

static void a_path_of_any_length_fits_in_the_reason(void **state)
{
	char path[PATH_MAX], text[EXAMINED_WHY_MAX];
	struct examined_file unknown = { .result = -EOPNOTSUPP, .path = path };
	const struct examined_file *own[] = { &unknown };
	struct examined examined = { .n = 1, .allocators = own };

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_true(strlen(examined_explain_nothing(&examined, text)) < sizeof(text));
}

/* Opening what a process maps takes a privilege: capabilities(7), CAP_CHECKPOINT_RESTORE. */
static void this_process_has_its_libc_as_an_allocator_and_a_file_is_looked_into_once(void **state)
{
	struct examiner examiner = { .proc_fd = open_proc() };
	struct examined examined[2];
	int result = examine_process(&examiner, getpid(), &examined[0]);
	bool found = false;

	(void)state;
	assert_true(examined[0].program.known);
	if (getenv("UNDER") || geteuid()) { /* nothing is probed in what valgrind runs */
		assert_true(getenv("UNDER") ? result == IS_TRANSLATOR : result == -EPERM || result == -EACCES);
		assert_int_equal(examined[0].n, 0);
		close(examiner.proc_fd);
		return;
	}
	assert_int_equal(result, 0);
	assert_true(examined_is_probed(&examined[0]));
	for (size_t i = 0; i < examined[0].n; i++)
		found |= !strcmp(examined[0].allocators[i]->path, libc_path()) && !examined[0].allocators[i]->result;
	assert_true(found);
	assert_int_equal(examine_process(&examiner, getpid(), &examined[1]), 0);
	assert_int_equal(examined[1].n, examined[0].n);
	assert_memory_equal(examined[1].allocators, examined[0].allocators, examined[0].n * sizeof(examined[0].allocators[0]));
	examined_free(&examined[0]);
	examined_free(&examined[1]);
	examiner_close(&examiner);
	close(examiner.proc_fd);
}

static void exit_at_once(int ready_fd)
{
	child_is_ready(ready_fd);
}

static void a_process_that_is_gone_is_said_to_be_so(void **state)
{
	struct examiner examiner = { .proc_fd = open_proc() };
	struct examined examined;
	pid_t pid = child_start(exit_at_once);

	(void)state;
	waitpid(pid, NULL, 0);
	assert_int_equal(examine_process(&examiner, pid, &examined), -ESRCH);
	assert_int_equal(examined.n, 0);
	assert_false(examined.program.known);
	examiner_close(&examiner);
	close(examiner.proc_fd);
}

static void a_program_is_judged_by_its_file(void **state)
{
	struct examined examined;

	(void)state;
	examine_program("/proc/self/exe", &examined);
	assert_true(examined.program.known && examined.program.has_symbols);
	examine_program("/no/such/program", &examined);
	assert_false(examined.program.known);
	examine_program("/dev/null", &examined);
	assert_false(examined.program.known);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reason_names_what_is_in_the_way),
		cmocka_unit_test(a_path_of_any_length_fits_in_the_reason),
		cmocka_unit_test(this_process_has_its_libc_as_an_allocator_and_a_file_is_looked_into_once),
		cmocka_unit_test(a_process_that_is_gone_is_said_to_be_so),
		cmocka_unit_test(a_program_is_judged_by_its_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
