// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/base/text_stream.h"

#define BLOCK 100000

/* Of the calls from now on this one fails, and the others do not; 0: none. */
static int failing;

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size)
{
	return failing && !--failing ? NULL : __real_realloc(block, size);
}

static struct text_stream texts;
static char *text;
static size_t size;

static int begin(void **state)
{
	(void)state;
	failing = 0;
	size = 1;
	return text_stream_open(&texts);
}

/* So much of it that its memory has to grow. */
static void write_block(char character)
{
	for (int i = 0; i < BLOCK; i++)
		putc(character, texts.stream);
	fflush(texts.stream);
}

static void all_that_was_written_is_the_text(void **state)
{
	(void)state;
	write_block('a');
	write_block('b');
	assert_int_equal(text_stream_end(&texts, &text, &size), 0);
	assert_int_equal(size, 2 * BLOCK);
	assert_int_equal(strlen(text), 2 * BLOCK);
	assert_int_equal(strspn(text, "a"), BLOCK);
	assert_int_equal(strspn(text + BLOCK, "b"), BLOCK);
	free(text);
}

static void a_text_may_be_empty_and_have_nuls_in_it(void **state)
{
	assert_int_equal(text_stream_end(&texts, &text, &size), 0);
	assert_int_equal(size, 0);
	assert_string_equal(text, "");
	free(text);
	begin(state);
	fwrite("a\0b", 1, 3, texts.stream);
	assert_int_equal(text_stream_end(&texts, &text, NULL), 0);
	assert_memory_equal(text, "a\0b", 4);
	free(text);
}

/* As large as its memory: the NUL needs more. */
static void a_text_of_any_size_ends_with_a_nul(void **state)
{
	for (size_t n = 4090; n < 4100; n++) {
		for (size_t i = 0; i < n; i++)
			putc('x', texts.stream);
		assert_int_equal(text_stream_end(&texts, &text, &size), 0);
		assert_int_equal(size, n);
		assert_int_equal(strlen(text), n);
		free(text);
		begin(state);
	}
	text_stream_end(&texts, &text, NULL);
	free(text);
}

/* Where there is memory again for what comes after it, a part is missing all the same. */
static void without_memory_for_a_part_there_is_no_text(void **state)
{
	for (int nth = 1; nth <= 3; nth++) {
		failing = nth;
		write_block('a');
		write_block('b');
		assert_int_equal(failing, 0); /* it has failed */
		assert_int_equal(text_stream_end(&texts, &text, &size), -ENOMEM);
		assert_null(text);
		begin(state);
	}
	text_stream_end(&texts, &text, NULL);
	free(text);
}

static void without_memory_for_what_is_written_last_there_is_no_text(void **state)
{
	(void)state;
	failing = 1;
	fputs("it is written as the stream is closed", texts.stream);
	assert_int_equal(failing, 1);
	assert_int_equal(text_stream_end(&texts, &text, NULL), -ENOMEM);
	assert_null(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_that_was_written_is_the_text, begin),
		cmocka_unit_test_setup(a_text_may_be_empty_and_have_nuls_in_it, begin),
		cmocka_unit_test_setup(a_text_of_any_size_ends_with_a_nul, begin),
		cmocka_unit_test_setup(without_memory_for_a_part_there_is_no_text, begin),
		cmocka_unit_test_setup(without_memory_for_what_is_written_last_there_is_no_text, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
