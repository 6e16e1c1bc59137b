// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/base/units.h"

#define KIB 1024LL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define SECOND 1000000000ULL

static void a_sound_size_is_read_in_binary_units(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} rows[] = {
		{ "0", 0 },	       { "1", 1 },	      { "4096", 4096 },
		{ "64KiB", 64 * KIB }, { "100MiB", 100 * MIB }, { "1GiB", GIB },
		{ "007", 7 },	       { "2TiB", 2 * TIB },
		{ "9223372036854775807", INT64_MAX },
		{ "9007199254740991KiB", INT64_MAX - 1023 }, /* 2^53 - 1 */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t bytes = -1;

		check_row(rows[i].text, parse_size(rows[i].text, &bytes) == 0);
		check_row(rows[i].text, bytes == rows[i].bytes);
	}
}

static void a_sound_share_is_read(void **state)
{
	static const struct {
		const char *text;
		double part;
	} rows[] = { { "5%", 0.05 }, { "5", 0.05 }, { "0.5%", 0.005 }, { "100%", 1 }, { "12.25", 0.1225 }, { "007%", 0.07 } };
	static const char *const bad[] = { "", "%", "0", "0%", "0.0%", "-1%", "+1%", "101", "100.1%", "5 %", "5%%", ".5", "5.", "5.%", "1e1",
					   "inf", "nan", "5,5", "0x5", "99999999999999999999" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		double part = -1;

		check_row(rows[i].text, parse_share(rows[i].text, &part) == 0);
		check_row(rows[i].text, part > rows[i].part - 1e-12 && part < rows[i].part + 1e-12);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		double part = 77;

		check_row(bad[i], parse_share(bad[i], &part) == -EINVAL && part == 77);
	}
}

/* What no quantity may look like, whatever its units are. */
static const char *const malformed[] = {
	"", " ", "-1", "-1s", "-1MiB", "+1", "+1s", " 1", "1 ", "1s ", " 1s", "1MiB ", "MiB", "s", "x", "1x", "0x10", "0x10s",
	"1.5", "1.5MiB", "1.5s", "1,5s", "1e3", "1e3s", "1\n", "1s\n", "1MiB\n", "1MiBMiB", "1ss", "1KiB1", "1s1",
	"9223372036854775808", "9223372036854775808s", "99999999999999999999999999999", "99999999999999999999999999999s",
};

static void a_malformed_size_is_refused_and_nothing_written(void **state)
{
	static const char *const wrong_units[] = {
		"1 MiB", "1MB", "1mib", "1MIB", "1K", "1k", "1M", "1G", "1Ki", "1KiBs", "1b", "1%", "1s",
		"9007199254740992KiB", /* 2^63 */
		"8796093022208MiB", "8589934592GiB", "8388608TiB", "9223372036854775807TiB",
	};
	int64_t bytes = 77;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(malformed); i++)
		check_row(malformed[i], parse_size(malformed[i], &bytes) == -EINVAL && bytes == 77);
	for (size_t i = 0; i < COUNT_OF(wrong_units); i++)
		check_row(wrong_units[i], parse_size(wrong_units[i], &bytes) == -EINVAL && bytes == 77);
}

static void a_sound_duration_is_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} rows[] = {
		{ "1ms", 1000000 }, { "200ms", 200000000 }, { "1s", SECOND }, { "90s", 90 * SECOND },
		{ "1m", 60 * SECOND }, { "1h", 3600 * SECOND }, { "24h", 86400 * SECOND }, { "86400s", 86400 * SECOND },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t ns = 0;

		check_row(rows[i].text, parse_duration(rows[i].text, &ns) == 0);
		check_row(rows[i].text, ns == rows[i].ns);
	}
}

static void a_malformed_empty_or_endless_duration_is_refused(void **state)
{
	static const char *const rows[] = {
		"0ms", "0s", "0h", "1", "200", "1 s", "1S", "1sec", "1min", "1d", "1us", "1ns", "1MiB",
		"25h", "86401s", "86400001ms", "1441m", "9223372036854775807h",
	};
	uint64_t ns = 77;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(malformed); i++)
		check_row(malformed[i], parse_duration(malformed[i], &ns) == -EINVAL && ns == 77);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i], parse_duration(rows[i], &ns) == -EINVAL && ns == 77);
}

static void a_count_is_a_whole_number_up_to_its_bound(void **state)
{
	int64_t count = 0;

	(void)state;
	assert_int_equal(parse_count("1", 10, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(parse_count("10", 10, &count), 0);
	assert_int_equal(count, 10);
	assert_int_equal(parse_count("9223372036854775807", INT64_MAX, &count), 0);
	assert_true(count == INT64_MAX);
}

static void a_count_of_zero_above_its_bound_or_with_a_unit_is_refused(void **state)
{
	static const char *const rows[] = { "0", "11", "1KiB", "1B", "3s" };
	int64_t count = 77;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i], parse_count(rows[i], 10, &count) == -EINVAL && count == 77);
	for (size_t i = 0; i < COUNT_OF(malformed); i++)
		check_row(malformed[i], parse_count(malformed[i], INT64_MAX, &count) == -EINVAL && count == 77);
}

static void bytes_are_shown_in_at_most_four_digits(void **state)
{
	static const struct {
		int64_t bytes;
		const char *text;
	} rows[] = {
		{ UNKNOWN, "-" },
		{ 0, "0 B" },
		{ 1, "1 B" },
		{ 1023, "1023 B" },
		{ 1024, "1 KiB" },
		{ 1536, "1.5 KiB" },
		{ 10 * KIB, "10 KiB" },
		{ 10 * KIB - 1, "10 KiB" },	    /* 9.999: rounds up to two digits, so no decimal */
		{ 1023 * KIB, "1023 KiB" },
		{ 1023 * KIB + 511, "1023 KiB" },   /* 1023.499 */
		{ 1023 * KIB + 512, "1.0 MiB" },    /* 1023.5, which would round to 1024 */
		{ 1048166, "1.0 MiB" },		    /* 1023.6 KiB */
		{ MIB - 1, "1.0 MiB" },
		{ MIB, "1 MiB" },
		{ MIB + MIB / 2, "1.5 MiB" },
		{ 120 * MIB, "120 MiB" },
		{ 30 * MIB + MIB / 4, "30 MiB" },
		{ GIB, "1 GiB" },
		{ 2 * TIB, "2 TiB" },
		{ INT64_MAX, "8 EiB" },		    /* 2^63 - 1 */
		{ -1, "-1 B" },
		{ -1023, "-1023 B" },
		{ -3 * KIB, "-3 KiB" },
		{ -1536, "-1.5 KiB" },
		{ -(1023 * KIB + 512), "-1.0 MiB" },
		{ -120 * MIB, "-120 MiB" },
		{ INT64_MIN + 1, "-8 EiB" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[BYTES_TEXT_MAX];

		assert_string_equal(format_bytes(text, rows[i].bytes), rows[i].text);
	}
}

static void a_sum_with_something_unknown_is_unknown(void **state)
{
	(void)state;
	assert_true(known_add(2, 3) == 5);
	assert_true(known_sub(2, 3) == -1);
	assert_true(known_add(0, 0) == 0);
	assert_true(known_add(UNKNOWN, 3) == UNKNOWN);
	assert_true(known_add(3, UNKNOWN) == UNKNOWN);
	assert_true(known_add(UNKNOWN, UNKNOWN) == UNKNOWN);
	assert_true(known_add(INT64_MAX, 1) == UNKNOWN);
	assert_true(known_sub(1, -INT64_MAX) == UNKNOWN);
	assert_true(known_sub(UNKNOWN, 3) == UNKNOWN);
	assert_true(known_sub(3, UNKNOWN) == UNKNOWN);
	assert_true(known_sub(UNKNOWN, UNKNOWN) == UNKNOWN); /* not 0 */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_size_is_read_in_binary_units),
		cmocka_unit_test(a_sound_share_is_read),
		cmocka_unit_test(a_malformed_size_is_refused_and_nothing_written),
		cmocka_unit_test(a_sound_duration_is_read),
		cmocka_unit_test(a_malformed_empty_or_endless_duration_is_refused),
		cmocka_unit_test(a_count_is_a_whole_number_up_to_its_bound),
		cmocka_unit_test(a_count_of_zero_above_its_bound_or_with_a_unit_is_refused),
		cmocka_unit_test(bytes_are_shown_in_at_most_four_digits),
		cmocka_unit_test(a_sum_with_something_unknown_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
