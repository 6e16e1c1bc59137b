// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/base/text_stream.h"

static ssize_t no_memory(void *cookie, const char *text, size_t size)
{
	(void)cookie;
	(void)text;
	(void)size;
	errno = ENOMEM;
	return 0;
}

static FILE *stream_that_fails(void)
{
	FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = no_memory });

	assert_non_null(stream);
	return stream;
}

static void all_that_was_written_is_the_text(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	(void)state;
	for (int i = 0; i < 100000; i++)
		fputs("ab", stream);
	assert_int_equal(text_stream_end(stream, &text), 0);
	assert_int_equal(size, 200000);
	assert_int_equal(strlen(text), 200000);
	free(text);
}

static void one_that_was_not_opened_has_none(void **state)
{
	char *text = NULL;

	(void)state;
	assert_int_equal(text_stream_end(NULL, &text), -ENOMEM);
	assert_null(text);
}

static void without_memory_for_a_part_there_is_no_text(void **state)
{
	char *text = strdup("the part");
	FILE *stream = stream_that_fails();

	(void)state;
	fputs("more", stream);
	fflush(stream);
	assert_int_equal(text_stream_end(stream, &text), -ENOMEM);
	assert_null(text);
}

static void without_memory_for_the_rest_there_is_no_text(void **state)
{
	char *text = strdup("the part");
	FILE *stream = stream_that_fails();

	(void)state;
	fputs("more", stream); /* is written as it is closed */
	assert_int_equal(text_stream_end(stream, &text), -ENOMEM);
	assert_null(text);
}

/* glibc's realloc() of what a stream has failed: its fclose() is content. */
static void a_text_that_is_not_there_is_an_error_though_the_stream_says_nothing(void **state)
{
	char *text = NULL, *other = NULL;
	size_t size;
	FILE *stream = open_memstream(&other, &size);

	(void)state;
	fputs("all", stream);
	assert_int_equal(text_stream_end(stream, &text), -ENOMEM);
	assert_null(text);
	free(other);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_was_written_is_the_text),
		cmocka_unit_test(one_that_was_not_opened_has_none),
		cmocka_unit_test(without_memory_for_a_part_there_is_no_text),
		cmocka_unit_test(without_memory_for_the_rest_there_is_no_text),
		cmocka_unit_test(a_text_that_is_not_there_is_an_error_though_the_stream_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
