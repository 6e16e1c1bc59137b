// SPDX-License-Identifier: GPL-2.0-only
/* What the Go linker wrote of itself, cut short or not. */
#include "tests/unit/helpers.h"

#include "user/go/build_info.h"

#define HEAD "\xff Go buildinf:\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void a_version_is_told_when_all_of_it_is_there(void **state)
{
	static const char bytes[] = HEAD "\x08" "go1.22.3" "\x05" "path\t";
	struct build_info info;

	(void)state;
	for (size_t n = 0; n < sizeof(bytes); n++) {
		/* a copy of its size, so that a sanitizer sees what is read behind the end */
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, bytes, n);
		assert_int_equal(build_info_parse(copy, n, &info), n < 14 ? -ENOENT : 0);
		if (n >= 14)
			assert_string_equal(info.version, n < 32 + 1 + 8 ? "" : "go1.22.3");
		free(copy);
	}
}

static void what_is_no_version_is_not_told(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
	} rows[] = {
#define ROW(name, bytes) { name, bytes, sizeof(bytes) - 1 }
		ROW("before Go 1.18", "\xff Go buildinf:\x08\x00\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" "\x08" "go1.22.3"),
		ROW("endless", HEAD "\xff\xff\xff\xff\x0f" "go1.22.3"),
		ROW("longer than any", HEAD "\x40" "go1.2222222222222222222222222222222222222222222222222222222222222222222222"),
		ROW("behind the end", HEAD "\x09" "go1.22.3"),
		ROW("with colours", HEAD "\x09" "go\x1b[31m22"),
		ROW("with a newline", HEAD "\x08" "go1.22\n3"),
		ROW("none", HEAD "\x00"),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct build_info info = { .version = "?" };

		check_row(rows[i].name, !build_info_parse((const uint8_t *)rows[i].bytes, rows[i].n, &info) && !*info.version);
	}
}

static void another_magic_is_not_gos(void **state)
{
	static const char bytes[] = "\xff Go buildinF:\x08\x02 and more, so that it is long enough for all";
	struct build_info info = { .version = "?" };

	(void)state;
	assert_int_equal(build_info_parse((const uint8_t *)bytes, sizeof(bytes), &info), -ENOENT);
	assert_string_equal(info.version, "?");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_version_is_told_when_all_of_it_is_there),
		cmocka_unit_test(what_is_no_version_is_not_told),
		cmocka_unit_test(another_magic_is_not_gos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
