// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <fcntl.h>
#include <unistd.h>

#include "user/allocator/translator.h"

static void translators_are_known_by_their_paths(void **state)
{
	(void)state;
	assert_true(translator_is_named("valgrind"));
	assert_true(translator_is_named("/usr/bin/valgrind.bin"));
	assert_true(translator_is_named("/usr/libexec/valgrind/memcheck-amd64-linux"));
	assert_true(translator_is_named("/usr/lib/x86_64-linux-gnu/valgrind/none-x86-linux"));
	assert_true(translator_is_named("/usr/bin/qemu-aarch64-static"));
	assert_true(translator_is_named("/usr/libexec/qemu-binfmt/qemu-x86_64"));
}

static void others_are_none(void **state)
{
	(void)state;
	assert_false(translator_is_named(""));
	assert_false(translator_is_named("/"));
	assert_false(translator_is_named("/usr/bin/qemu-system-x86_64"));
	assert_false(translator_is_named("/home/me/valgrind/build/editor"));
	assert_false(translator_is_named("/usr/bin/build-linux"));
	assert_false(translator_is_named("/usr/bin/valgrind-listener"));
}

static void this_test_is_none(void **state)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(proc_fd >= 0);
	assert_false(translator_is(proc_fd, getpid()));
	close(proc_fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(translators_are_known_by_their_paths),
		cmocka_unit_test(others_are_none),
		cmocka_unit_test(this_test_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
