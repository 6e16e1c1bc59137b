// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/kernel/environment.h"

#define SIZE 8

/* In memory of its very size, so that nothing beyond it is read unnoticed. */
static int find(const void *text, size_t length, const char *name, char value[SIZE])
{
	char *exact = malloc(length ? length : 1);
	int result;

	memcpy(exact, text, length);
	result = environment_find(exact, length, name, value, SIZE);
	free(exact);
	return result;
}

#define ROW(text) text, sizeof(text) - 1

static void a_variable_is_found_as_getenv_does(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		int result;
		const char *value;
	} rows[] = {
		{ ROW("NAME=value\0"), 0, "value" },
		{ ROW("A=1\0NAME=value\0B=2\0"), 0, "value" },
		{ ROW("NAME=first\0NAME=last\0"), 0, "first" },
		{ ROW("NAME=\0"), 0, "" },
		{ ROW("NAME=a=b\0"), 0, "a=b" },
		{ ROW("NAME=value"), 0, "value" },
		{ ROW("\0\0NAME=v\0"), 0, "v" },
		{ ROW("NAME=1234567\0"), 0, "1234567" },
		{ ROW("NAME=12345678\0"), -ENAMETOOLONG, NULL },
		{ ROW("NAME=12345678"), -ENAMETOOLONG, NULL },
		{ ROW("NAME"), -ENOENT, NULL },
		{ ROW("NAME\0"), -ENOENT, NULL },
		{ ROW("NAM"), -ENOENT, NULL },
		{ ROW("MYNAME=v\0"), -ENOENT, NULL },
		{ ROW("NAMES=v\0"), -ENOENT, NULL },
		{ ROW("A=NAME=v\0"), -ENOENT, NULL },
		{ ROW("name=v\0"), -ENOENT, NULL },
		{ ROW(""), -ENOENT, NULL },
		{ ROW("\0"), -ENOENT, NULL },
		{ ROW("\0\0\0\0\0\0\0\0"), -ENOENT, NULL },
		{ ROW("=NAME=v\0"), -ENOENT, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char row[32], value[SIZE] = "x";

		snprintf(row, sizeof(row), "row %zu", i);
		check_row(row, find(rows[i].text, rows[i].length, "NAME", value) == rows[i].result);
		check_row(row, !strcmp(value, rows[i].value ? rows[i].value : "x"));
	}
}

static void a_process_has_it_in_its_proc_directory(void **state)
{
	struct tree proc = tree_make();
	char value[SIZE], *huge = calloc(1, ENVIRONMENT_MAX + 1);

	(void)state;
	tree_mkdir(&proc, "1");
	tree_write_bytes(&proc, "1/environ", ROW("A=1\0NAME=v\0"));
	assert_int_equal(environment_read(proc.fd, 1, "NAME", value, SIZE), 0);
	assert_string_equal(value, "v");
	assert_int_equal(environment_read(proc.fd, 1, "B", value, SIZE), -ENOENT);
	assert_int_equal(environment_read(proc.fd, 2, "A", value, SIZE), -ESRCH);
	memcpy(huge + ENVIRONMENT_MAX - 6, "NAME=w", 6);
	tree_write_bytes(&proc, "1/environ", huge, ENVIRONMENT_MAX);
	assert_int_equal(environment_read(proc.fd, 1, "NAME", value, SIZE), 0);
	assert_string_equal(value, "w");
	tree_write_bytes(&proc, "1/environ", huge, ENVIRONMENT_MAX + 1);
	assert_int_equal(environment_read(proc.fd, 1, "NAME", value, SIZE), -EFBIG);
	free(huge);
	tree_remove(&proc);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_variable_is_found_as_getenv_does),
		cmocka_unit_test(a_process_has_it_in_its_proc_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
