// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/allocator/host.h"

/* capabilities(7), numbers of include/uapi/linux/capability.h */
enum { KILL = 5, SYS_PTRACE = 19, SYS_ADMIN = 21, PERFMON = 38, BPF = 39, CHECKPOINT_RESTORE = 40 };
#define BIT(capability) (1ULL << (capability))

static void each_privilege_hangs_on_its_own_capability_or_on_the_one_it_was_split_from(void **state)
{
	static const struct {
		const char *name;
		uint64_t capabilities;
		bool may[HOST_PRIVILEGES]; /* load, trace, look, open files, signal */
	} rows[] = {
		{ "none", 0, { false } },
		{ "all", ~0ULL, { true, true, true, true, true } },
		{ "CAP_BPF", BIT(BPF), { true } },
		{ "CAP_PERFMON", BIT(PERFMON), { false, true } },
		{ "CAP_SYS_PTRACE", BIT(SYS_PTRACE), { false, false, true } },
		{ "CAP_CHECKPOINT_RESTORE", BIT(CHECKPOINT_RESTORE), { false, false, false, true } },
		{ "CAP_KILL", BIT(KILL), { false, false, false, false, true } },
		{ "CAP_SYS_ADMIN", BIT(SYS_ADMIN), { true, true, false, true, false } },
		{ "all others", ~(BIT(BPF) | BIT(PERFMON) | BIT(SYS_PTRACE) | BIT(CHECKPOINT_RESTORE) | BIT(KILL) | BIT(SYS_ADMIN)),
		  { false } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		bool may[HOST_PRIVILEGES];

		host_weigh(rows[i].capabilities, true, may);
		check_row(rows[i].name, !memcmp(may, rows[i].may, sizeof(may)));
	}
}

static void root_of_a_user_namespace_may_nothing(void **state)
{
	bool may[HOST_PRIVILEGES];

	(void)state;
	host_weigh(~0ULL, false, may);
	for (int i = 0; i < HOST_PRIVILEGES; i++)
		assert_false(may[i]);
}

static void each_need_and_privilege_has_its_words(void **state)
{
	(void)state;
	for (int i = 0; i < HOST_NEEDS; i++)
		assert_non_null(host_remedy((enum host_need)i));
	for (int i = 0; i < HOST_PRIVILEGES; i++) {
		assert_int_equal(strncmp(host_capability((enum host_privilege)i), "CAP_", 4), 0);
		assert_non_null(host_purpose((enum host_privilege)i));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_privilege_hangs_on_its_own_capability_or_on_the_one_it_was_split_from),
		cmocka_unit_test(root_of_a_user_namespace_may_nothing),
		cmocka_unit_test(each_need_and_privilege_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
