// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <time.h>

#include "user/base/fs.h"

#define LARGE_MAX 65536

static int setup(void **state)
{
	struct tree *tree = malloc(sizeof(*tree));

	*tree = tree_make();
	tree_write(tree, "seven", "1234567");
	tree_write(tree, "empty", "");
	tree_mkdir(tree, "dir");
	*state = tree;
	return 0;
}

static int teardown(void **state)
{
	tree_remove(*state);
	free(*state);
	return 0;
}

/* A file of size bytes that counts in letters, so that a part read twice or left out shows. */
static void write_letters(const struct tree *tree, const char *path, size_t size)
{
	char *bytes = malloc(size);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)('a' + i % 23);
	tree_write_bytes(tree, path, bytes, size);
	free(bytes);
}

static void a_file_is_read_and_ended_with_nul(void **state)
{
	struct tree *tree = *state;
	char buffer[32];

	memset(buffer, 'x', sizeof(buffer));
	assert_int_equal(read_file_at(tree->fd, "seven", buffer, sizeof(buffer)), 7);
	assert_string_equal(buffer, "1234567");
	assert_int_equal(buffer[8], 'x');
}

static void a_file_that_just_fits_is_read(void **state)
{
	struct tree *tree = *state;
	char buffer[9] = "xxxxxxxx";

	assert_int_equal(read_file_at(tree->fd, "seven", buffer, 8), 7);
	assert_string_equal(buffer, "1234567");
	assert_int_equal(read_file_at(tree->fd, "empty", buffer, 1), 0);
	assert_int_equal(buffer[0], '\0');
}

static void a_file_one_byte_too_long_is_refused_and_nothing_is_written_behind_the_buffer(void **state)
{
	struct tree *tree = *state;
	char buffer[8];

	memset(buffer, 'x', sizeof(buffer));
	assert_int_equal(read_file_at(tree->fd, "seven", buffer, 7), -EFBIG);
	assert_int_equal(buffer[7], 'x');
	assert_int_equal(read_file_at(tree->fd, "seven", buffer, 1), -EFBIG);
	assert_int_equal(read_file_at(tree->fd, "empty", buffer, 0), -EFBIG); /* no room for the NUL */
}

static void what_cannot_be_read_gives_its_errno(void **state)
{
	struct tree *tree = *state;
	char buffer[8], *text = NULL;

	assert_int_equal(read_file_at(tree->fd, "missing", buffer, sizeof(buffer)), -ENOENT);
	assert_int_equal(read_file_at(tree->fd, "seven/below", buffer, sizeof(buffer)), -ENOTDIR);
	assert_int_equal(read_file_at(tree->fd, "dir", buffer, sizeof(buffer)), -EISDIR);
	assert_int_equal(read_file_at(-1, "seven", buffer, sizeof(buffer)), -EBADF);
	assert_int_equal(read_whole_file_at(tree->fd, "missing", LARGE_MAX, &text), -ENOENT);
	assert_int_equal(read_whole_file_at(tree->fd, "dir", LARGE_MAX, &text), -EISDIR);
	assert_null(text);
}

static void a_whole_file_is_read_at_any_length(void **state)
{
	static const size_t sizes[] = { 1, 16383, 16384, 16385, 32767, 32768, LARGE_MAX - 1 };
	struct tree *tree = *state;

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		char *text = NULL;

		write_letters(tree, "letters", sizes[i]);
		assert_int_equal(read_whole_file_at(tree->fd, "letters", LARGE_MAX, &text), 0);
		assert_int_equal(strlen(text), sizes[i]);
		for (size_t at = 0; at < sizes[i]; at++)
			if (text[at] != (char)('a' + at % 23))
				fail_msg("size %zu: byte %zu is wrong", sizes[i], at);
		free(text);
	}
}

static void a_whole_file_of_exactly_the_bound_is_read(void **state)
{
	static const size_t bounds[] = { 100, 16384, 20000, LARGE_MAX };
	struct tree *tree = *state;

	for (size_t i = 0; i < COUNT_OF(bounds); i++) {
		char *text = NULL;
		int result;

		write_letters(tree, "letters", bounds[i]);
		result = read_whole_file_at(tree->fd, "letters", bounds[i], &text);
		if (result || strlen(text) != bounds[i])
			fail_msg("bound %zu: result %d", bounds[i], result);
		free(text);
	}
}

static void a_whole_file_above_the_bound_is_refused(void **state)
{
	static const size_t bounds[] = { 100, 16384, 20000, LARGE_MAX };
	struct tree *tree = *state;

	for (size_t i = 0; i < COUNT_OF(bounds); i++) {
		char *text = NULL;
		int result;

		write_letters(tree, "letters", bounds[i] + 1);
		result = read_whole_file_at(tree->fd, "letters", bounds[i], &text);
		if (result != -EFBIG || text)
			fail_msg("bound %zu: result %d", bounds[i], result);
	}
}

static void monotonic_time_is_that_of_the_kernel_in_nanoseconds(void **state)
{
	struct timespec before, after;
	uint64_t now;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	now = monotonic_ns();
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_in_range(now, (uint64_t)before.tv_sec * 1000000000U + (uint64_t)before.tv_nsec,
			(uint64_t)after.tv_sec * 1000000000U + (uint64_t)after.tv_nsec);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_and_ended_with_nul),
		cmocka_unit_test(a_file_that_just_fits_is_read),
		cmocka_unit_test(a_file_one_byte_too_long_is_refused_and_nothing_is_written_behind_the_buffer),
		cmocka_unit_test(what_cannot_be_read_gives_its_errno),
		cmocka_unit_test(a_whole_file_is_read_at_any_length),
		cmocka_unit_test(a_whole_file_of_exactly_the_bound_is_read),
		cmocka_unit_test(a_whole_file_above_the_bound_is_refused),
		cmocka_unit_test(monotonic_time_is_that_of_the_kernel_in_nanoseconds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
