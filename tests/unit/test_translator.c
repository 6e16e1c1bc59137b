// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <fcntl.h>
#include <unistd.h>

#include "user/allocator/translator.h"

#if defined(__x86_64__)
#define VALGRIND "amd64"
#define QEMU "x86_64"
#define OTHER_QEMU "aarch64"
#else
#define VALGRIND "arm64"
#define QEMU "aarch64"
#define OTHER_QEMU "x86_64"
#endif

static void translators_are_known_by_their_paths(void **state)
{
	static const char *const paths[] = {
		"valgrind", "/usr/bin/valgrind.bin", "/usr/libexec/valgrind/memcheck-" VALGRIND "-linux",
		"/usr/lib/x86_64-linux-gnu/valgrind/mine-" VALGRIND "-linux", "/home/me/build/none/none-" VALGRIND "-linux",
		"/usr/bin/qemu-" QEMU, "/usr/bin/qemu-" QEMU "-static", "/usr/libexec/qemu-binfmt/qemu-" QEMU "-binfmt",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		check_row(paths[i], translator_is_named(paths[i]));
}

/* Those of other machines run programs of which nothing is probed. */
static void others_are_none(void **state)
{
	static const char *const paths[] = {
		"", "/", "/usr/bin/qemu-system-" QEMU, "/usr/bin/qemu-ga", "/usr/libexec/qemu-kvm", "/usr/bin/qemu-img", "/usr/bin/qemu-nbd",
		"/usr/bin/qemu-" OTHER_QEMU, "/home/me/valgrind/build/editor", "/usr/bin/tool-" VALGRIND "-linux", "/usr/bin/valgrind-listener",
		"/usr/libexec/valgrind/memcheck-x86-linux", "/usr/bin/-" VALGRIND "-linux",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		check_row(paths[i], !translator_is_named(paths[i]));
}

static void this_test_is_none_unless_valgrind_runs_it(void **state)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(proc_fd >= 0);
	assert_int_equal(translator_is(proc_fd, getpid()), getenv("UNDER") != NULL); /* valgrind */
	close(proc_fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(translators_are_known_by_their_paths),
		cmocka_unit_test(others_are_none),
		cmocka_unit_test(this_test_is_none_unless_valgrind_runs_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
