// SPDX-License-Identifier: GPL-2.0-only
/* Go's table of functions: one that is made up, cut short, and one that lies. */
#include "tests/unit/helpers.h"

#include "user/go/pclntab.h"

#define NAMES "runtime.main\0runtime.(*mheap).alloc\0main.main"
#define NAMES_AT 72U
#define FUNCTIONS_AT 128U
#define N 3U
#define ENTRIES_BYTES (N * 8U + 4U + 4U) /* and what fills them up */
#define TABLE_BYTES (FUNCTIONS_AT + ENTRIES_BYTES + N * 8U)

static void put32(uint8_t *bytes, size_t at, uint32_t value)
{
	memcpy(bytes + at, &value, sizeof(value));
}

static void put64(uint8_t *bytes, size_t at, uint64_t value)
{
	memcpy(bytes + at, &value, sizeof(value));
}

/* Three functions of 64 bytes, with nothing but what is read; the caller's to free. */
static uint8_t *make_table(void)
{
	static const uint32_t names[N] = { 0, 13, 36 };
	uint8_t *bytes = calloc(1, TABLE_BYTES);

	put32(bytes, 0, 0xfffffff1);
	bytes[6] = 1;
	bytes[7] = 8;
	put64(bytes, 8, N);
	put64(bytes, 32, NAMES_AT);
	put64(bytes, 64, FUNCTIONS_AT);
	memcpy(bytes + NAMES_AT, NAMES, sizeof(NAMES));
	for (uint32_t i = 0; i < N; i++) {
		uint32_t function = ENTRIES_BYTES + 8 * i;

		put32(bytes, FUNCTIONS_AT + 8 * i, 64 * i);
		put32(bytes, FUNCTIONS_AT + 8 * i + 4, function);
		put32(bytes, FUNCTIONS_AT + function + 4, names[i]);
	}
	put32(bytes, FUNCTIONS_AT + 8 * N, 64 * N);
	return bytes;
}

static void functions_have_names_and_code(void **state)
{
	uint8_t *bytes = make_table();
	struct go_function function;
	struct pclntab table;

	(void)state;
	assert_int_equal(pclntab_parse(bytes, TABLE_BYTES, &table), 0);
	assert_int_equal(table.n, N);
	assert_true(pclntab_function(&table, 1, &function));
	assert_int_equal(function.start, 64);
	assert_int_equal(function.end, 128);
	assert_true(function_is(&function, "runtime.(*mheap).alloc"));
	assert_false(function_is(&function, "runtime.(*mheap).all"));
	assert_true(function_has_prefix(&function, "runtime.(*mheap)."));
	assert_false(function_has_prefix(&function, "runtime.(*mcache)."));
	assert_true(pclntab_function(&table, 2, &function) && function_is(&function, "main.main"));
	/* Go 1.18 and 1.19 */
	put32(bytes, 0, 0xfffffff0);
	assert_int_equal(pclntab_parse(bytes, TABLE_BYTES, &table), 0);
	/* Go 1.16 */
	put32(bytes, 0, 0xfffffffa);
	assert_int_equal(pclntab_parse(bytes, TABLE_BYTES, &table), -EPROTO);
	free(bytes);
}

/* In a copy of its own size, so that a sanitizer sees what is read behind the end. How many of its functions are sound. */
static unsigned int read_all(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct go_function function;
	struct pclntab table;
	unsigned int sound = 0;

	memcpy(copy, bytes, size);
	if (!pclntab_parse(copy, size, &table)) {
		assert_true(table.n < size);
		for (uint32_t i = 0; i < table.n; i++) {
			if (!pclntab_function(&table, i, &function))
				continue;
			sound++;
			function_has_prefix(&function, "runtime.(*gcControllerState).");
			function_is(&function, "runtime.(*consistentHeapStats).acquire");
		}
	}
	free(copy);
	return sound;
}

static void a_table_that_is_cut_short_is_not_read_behind_its_end(void **state)
{
	uint8_t *bytes = make_table();

	(void)state;
	assert_int_equal(read_all(bytes, TABLE_BYTES), N);
	for (size_t size = 0; size < TABLE_BYTES; size++)
		assert_true(read_all(bytes, size) < N);
	free(bytes);
}

static void numbers_that_lie_lead_nowhere(void **state)
{
	static const uint64_t lies[] = { 0, 1, 2, 71, TABLE_BYTES - 1, TABLE_BYTES, 0xffff, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX,
					 UINT64_MAX - 7 };

	(void)state;
	for (size_t at = 8; at + 8 <= TABLE_BYTES; at += 4)
		for (size_t i = 0; i < COUNT_OF(lies); i++) {
			uint8_t *bytes = make_table();

			put64(bytes, at, lies[i]);
			read_all(bytes, TABLE_BYTES);
			free(bytes);
		}
}

static void a_function_that_ends_before_it_starts_is_none(void **state)
{
	uint8_t *bytes = make_table();

	(void)state;
	put32(bytes, FUNCTIONS_AT + 8, 128);
	assert_int_equal(read_all(bytes, TABLE_BYTES), N - 1);
	free(bytes);
}

static void a_table_is_found_among_other_data(void **state)
{
	uint8_t *bytes = make_table(), *data = calloc(1, 4096);

	(void)state;
	assert_int_equal(pclntab_search(data, 4096), -1);
	put32(data, 16, 0xfffffff1); /* no more than the number */
	memcpy(data + 1000, bytes, TABLE_BYTES);
	assert_int_equal(pclntab_search(data, 4096), 1000);
	assert_int_equal(pclntab_search(data, 1000 + 71), -1);
	assert_int_equal(pclntab_search(data, 0), -1);
	free(bytes);
	free(data);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_have_names_and_code),
		cmocka_unit_test(a_table_that_is_cut_short_is_not_read_behind_its_end),
		cmocka_unit_test(numbers_that_lie_lead_nowhere),
		cmocka_unit_test(a_function_that_ends_before_it_starts_is_none),
		cmocka_unit_test(a_table_is_found_among_other_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
