// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/http/address.h"

static void what_only_this_host_reaches_is_told_from_the_rest(void **state)
{
	static const struct {
		const char *text;
		bool is_private;
	} rows[] = {
		{ "127.0.0.1:9435", true }, { "127.8.9.10:0", true }, { "localhost:9435", true }, { "[::1]:9435", true },
		{ "[::ffff:127.0.0.1]:9435", true }, { ":9435", false }, { "0.0.0.0:9435", false }, { "[::]:9435", false },
		{ "10.0.0.1:9435", false }, { "128.0.0.1:9435", false }, { "[::ffff:10.0.0.1]:9435", false }, { "[fe80::1]:9435", false },
		{ "[2001:db8::1]:65535", false },
	};
	struct address address;
	struct error err;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		check_row(rows[i].text, !address_parse(rows[i].text, &address, &err));
		check_row(rows[i].text, address_is_private(&address) == rows[i].is_private);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const rows[] = { "", ":", "9435", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1: 1",
					    "127.0.0.1:999999", "::1:9435", "[::1]", "[::1:9435", "[]:9435", "[127.0.0.1]:9435", "example.org:80", "[fe80::1%lo]:1",
					    "1.2.3.4.5:80", "http://127.0.0.1:9435" };
	struct address address;
	struct error err;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		check_row(rows[i], address_parse(rows[i], &address, &err) == -1 && err.status == EXIT_USAGE);
		check_row(rows[i], strstr(err.text, "is no address to listen at"));
	}
}

static void the_kernel_chooses_a_port_and_it_is_told(void **state)
{
	struct address address;
	struct error err;
	char text[ADDRESS_TEXT_MAX];
	int fd, again;

	(void)state;
	assert_int_equal(address_parse("127.0.0.1:0", &address, &err), 0);
	fd = address_listen(&address, "127.0.0.1:0", &err);
	assert_true(fd >= 0);
	address_of(fd, text);
	assert_int_equal(strncmp(text, "127.0.0.1:", 10), 0);
	assert_true(atoi(text + 10) > 0);
	/* and nobody else gets it */
	assert_int_equal(address_parse(text, &address, &err), 0);
	again = address_listen(&address, text, &err);
	assert_int_equal(again, -1);
	assert_int_equal(err.status, EXIT_FAILED);
	assert_non_null(strstr(err.text, "somebody listens there already"));
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_only_this_host_reaches_is_told_from_the_rest),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(the_kernel_chooses_a_port_and_it_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
