// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <math.h>

#include "user/kernel/pressure.h"

#define REST " avg60=7.00 avg300=8.00 total=9\n"
#define FULL "full avg10=3.21 avg60=0.00 avg300=0.00 total=0\n"

static void the_share_of_the_last_10_s_is_read(void **state)
{
	static const struct {
		const char *text;
		double percent;
	} rows[] = {
		{ "some avg10=0.00" REST FULL, 0 },
		{ "some avg10=12.34" REST FULL, 12.34 },
		{ "some avg10=0.05" REST, 0.05 },
		{ "some avg10=99.99" REST FULL, 99.99 },
		{ "some avg10=100.00" REST FULL, 100 },
		{ FULL "some avg10=1.50" REST, 1.5 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		double percent = -1;

		check_row(rows[i].text, !pressure_parse(rows[i].text, &percent));
		check_row(rows[i].text, fabs(percent - rows[i].percent) < 1e-9);
	}
}

static void a_text_without_it_is_refused_and_nothing_is_written(void **state)
{
	static const char *const rows[] = {
		"", "\n", FULL, "some\n", "some avg60=1.00 avg10=2.00\n", "some avg10=\n", "some avg10=12\n", "some avg10=12" REST,
		"some avg10=1.2" REST, "some avg10=1.234" REST, "some avg10=1.2x" REST, "some avg10=1. 2" REST, "some avg10= 1.20" REST,
		"some avg10=-1.20" REST, "some avg10=+1.20" REST, "some avg10=1,20" REST, "some avg10=1.20\n", "some avg10=nan" REST,
		"some avg10=inf" REST, "some avg10=1e1" REST, "some avg10=100.01" REST, "some avg10=101.00" REST,
		"some avg10=99999999999999999999999.00" REST, "xsome avg10=1.20" REST, " some avg10=1.20" REST,
		"some avg10=1.20 avg60=7.00", "some avg10=1.20 ", "\xff\xfe\x01garbage\n", "some avg10=\xff\xfe" REST,
	};
	double percent = -1;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i], pressure_parse(rows[i], &percent) == -EINVAL);
	assert_true(percent == -1);
}

static void a_cgroup_s_pressure_is_in_its_directory(void **state)
{
	struct tree tree = tree_make();
	double percent = -1;

	(void)state;
	assert_int_equal(cgroup_pressure_read(tree.fd, &percent), -ENOENT);
	assert_true(percent == -1);
	tree_write(&tree, "memory.pressure", "some avg10=12.34" REST FULL);
	assert_int_equal(cgroup_pressure_read(tree.fd, &percent), 0);
	assert_true(fabs(percent - 12.34) < 1e-9);
	tree_write(&tree, "memory.pressure", "garbage\n");
	assert_int_equal(cgroup_pressure_read(tree.fd, &percent), -EINVAL);
	tree_remove(&tree);
}

/* The largest figures that the kernel can show. */
static void the_longest_text_has_room(void **state)
{
	static const char longest[] =
		"some avg10=100.00 avg60=100.00 avg300=100.00 total=18446744073709551615\n"
		"full avg10=100.00 avg60=100.00 avg300=100.00 total=18446744073709551615\n";
	struct tree tree = tree_make();
	double percent = -1;

	(void)state;
	tree_write(&tree, "memory.pressure", longest);
	assert_int_equal(cgroup_pressure_read(tree.fd, &percent), 0);
	assert_true(percent == 100);
	tree_remove(&tree);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_share_of_the_last_10_s_is_read),
		cmocka_unit_test(a_text_without_it_is_refused_and_nothing_is_written),
		cmocka_unit_test(a_cgroup_s_pressure_is_in_its_directory),
		cmocka_unit_test(the_longest_text_has_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
