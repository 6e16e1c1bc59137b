// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/base/json_read.h"

static const char good[] = "{\"a\":[1,\"a text that is longer than what jansson begins with\",{\"b\":3.5}],\"c\":true}";

/* Of the calls from now on this one fails, and the others do not; 0: none. */
static int failing;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	return failing && !--failing ? NULL : __real_malloc(size);
}

static void what_is_read_is_whole(void **state)
{
	json_t *read;

	(void)state;
	assert_int_equal(json_read(good, strlen(good), 0, &read, NULL), 0);
	assert_int_equal(json_array_size(json_object_get(read, "a")), 3);
	json_decref(read);
}

static void what_is_no_json_is_told_with_its_place(void **state)
{
	static const char *const rows[] = { "", "{", "[1,]", "{\"a\":}", "\"\xff\"", "nul" };
	json_error_t where;
	json_t *read;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		check_row(rows[i], json_read(rows[i], strlen(rows[i]), JSON_DECODE_ANY, &read, &where) == -EPROTO && !read);
		check_row(rows[i], where.line >= 0 && where.text[0]);
	}
}

static void without_memory_anywhere_it_is_that_and_no_bad_json(void **state)
{
	json_t *read;
	int nth = 1, result;

	(void)state;
	for (;; nth++) {
		failing = nth;
		result = json_read(good, strlen(good), 0, &read, NULL);
		if (failing)
			break; /* it makes fewer calls */
		assert_int_equal(result, -ENOMEM);
		assert_null(read);
	}
	failing = 0;
	assert_int_equal(result, 0);
	json_decref(read);
	assert_true(nth > 10);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_whole),
		cmocka_unit_test(what_is_no_json_is_told_with_its_place),
		cmocka_unit_test(without_memory_anywhere_it_is_that_and_no_bad_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
