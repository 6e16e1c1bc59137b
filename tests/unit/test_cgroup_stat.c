// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "tests/unit/fixtures/memory_stat.h"
#include "user/base/units.h"
#include "user/kernel/cgroup_stat.h"

static void a_number_is_read_and_all_else_is_unknown(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} rows[] = {
		{ "0\n", 0 },
		{ "4096\n", 4096 },
		{ "4096", 4096 },
		{ "9223372036854775807\n", INT64_MAX },
		{ "", UNKNOWN },
		{ "\n", UNKNOWN },
		{ "max\n", UNKNOWN },
		{ "-1\n", UNKNOWN },
		{ "+1\n", UNKNOWN },
		{ " 1\n", UNKNOWN },
		{ "12x\n", UNKNOWN },
		{ "12 34\n", UNKNOWN },
		{ "0x10\n", UNKNOWN },
		{ "9223372036854775808\n", UNKNOWN },
		{ "99999999999999999999999999\n", UNKNOWN },
		{ "garbage\n", UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i].text, cgroup_parse_bytes(rows[i].text) == rows[i].bytes);
}

static void no_limit_is_unknown_in_both_versions_words(void **state)
{
	static const struct {
		const char *text;
		int64_t limit;
	} rows[] = {
		{ "max\n", UNKNOWN },
		{ "max", UNKNOWN },
		{ "9223372036854771712\n", UNKNOWN }, /* PAGE_COUNTER_MAX with pages of 4 KiB */
		{ "9223372036854759424\n", UNKNOWN }, /* 16 KiB */
		{ "9223372036854710272\n", UNKNOWN }, /* 64 KiB */
		{ "104857600\n", 104857600 },
		{ "0\n", 0 },
		{ "1152921504606846976\n", 1LL << 60 }, /* large, but somebody wrote it */
		{ "garbage", UNKNOWN },
		{ "maximum", UNKNOWN },
		{ "", UNKNOWN },
		{ "-1\n", UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i].text, cgroup_parse_limit(rows[i].text) == rows[i].limit);
}

typedef void (*parse_function)(const char *text, struct cgroup_memory *memory);

static struct cgroup_memory parse(parse_function parse_text, const char *text)
{
	struct cgroup_memory memory;

	cgroup_memory_init(&memory);
	parse_text(text, &memory);
	return memory;
}

static void version_1_is_read_with_the_cgroups_below(void **state)
{
	struct cgroup_memory memory = parse(cgroup_parse_stat_v1, stat_v1_6_18);

	(void)state;
	assert_true(memory.anon == 27873280);
	assert_true(memory.file == 1199726592);
	assert_true(memory.shmem == 86016);
	assert_true(memory.inactive_file == 775790592);
	assert_true(memory.swap == 0);
	assert_true(memory.limit == UNKNOWN);
	assert_true(memory.kernel == UNKNOWN);
}

static void version_1_s_limit_is_the_lowest_on_the_way_up(void **state)
{
	struct cgroup_memory memory = parse(cgroup_parse_stat_v1, "swap 1\nhierarchical_memory_limit 104857600\n"
					    "hierarchical_memsw_limit 209715200\ntotal_swap 4096\ntotal_swapcached 8192\n");

	(void)state;
	assert_true(memory.limit == 104857600);
	assert_true(memory.swap == 4096);
}

static void version_2_is_read_as_each_kernel_shows_it(void **state)
{
	static const struct {
		const char *name, *text;
		int64_t anon, file, shmem, inactive_file, kernel;
	} rows[] = {
		/* kernel: stacks, per-CPU memory and slab; its socket buffers are charged apart */
		{ "5.10", stat_v2_5_10, 4096000, 4509696, 6164480, 9060352, 4923392 + 5337088 + 21016576 },
		{ "6.1", stat_v2_6_1, 81920000, 82333696, 85643264, 90607616, 82747392 },
		{ "6.12", stat_v2_6_12, 1228800000, 1229213696, 1232523264, 1237487616, 1229627392 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cgroup_memory memory = parse(cgroup_parse_stat_v2, rows[i].text);

		check_row(rows[i].name, memory.anon == rows[i].anon);
		check_row(rows[i].name, memory.file == rows[i].file);
		check_row(rows[i].name, memory.shmem == rows[i].shmem);
		check_row(rows[i].name, memory.inactive_file == rows[i].inactive_file);
		check_row(rows[i].name, memory.kernel == rows[i].kernel);
		check_row(rows[i].name, memory.swap == UNKNOWN && memory.limit == UNKNOWN);
	}
}

static void the_kernel_s_memory_is_summed_only_where_its_parts_are_there(void **state)
{
	static const struct {
		const char *text;
		int64_t kernel;
	} rows[] = {
		{ "kernel_stack 1\npagetables 10\npercpu 100\nsock 1000\nvmalloc 10000\nslab 100000\n", 110111 },
		{ "kernel_stack 1\nslab 2\n", 3 },
		{ "kernel 7\nkernel_stack 1\nslab 2\n", 7 },
		{ "kernel 0\nkernel_stack 1\nslab 2\n", 0 },
		{ "kernel_stack 1\npagetables 10\npercpu 100\n", UNKNOWN },
		{ "kernel_stack 1\nslab 2", UNKNOWN },
		{ "slab 2\n", UNKNOWN },
		{ "kernel_stack 9223372036854775807\nslab 1\n", UNKNOWN },
		{ "kernel_stack 1\nslab 1\nvmalloc 9223372036854775807\n", UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i].text, parse(cgroup_parse_stat_v2, rows[i].text).kernel == rows[i].kernel);
}

static void a_line_that_holds_no_figure_leaves_it_unknown(void **state)
{
	static const struct {
		const char *text;
		int64_t anon;
	} rows[] = {
		{ "anon 12\n", 12 },
		{ "anon 9223372036854775807\n", INT64_MAX },
		{ "file 1\nanon 12\n", 12 },
		{ "anon 12\nanon 13\n", 12 },  /* twice: the first holds */
		{ "anon x\nanon 13\n", 13 },   /* ... that is a figure */
		{ "anon 12", UNKNOWN },        /* may be cut from "anon 1234\n" */
		{ "anon 12\r\n", UNKNOWN },
		{ "anon 12 13\n", UNKNOWN },
		{ "anon 12kB\n", UNKNOWN },
		{ "anon -12\n", UNKNOWN },
		{ "anon +12\n", UNKNOWN },
		{ "anon 9223372036854775808\n", UNKNOWN },
		{ "anon 18446744073709551617\n", UNKNOWN },
		{ "anon 99999999999999999999999999999999999999\n", UNKNOWN },
		{ "anon 0x10\n", UNKNOWN },
		{ "anon \n", UNKNOWN },
		{ "anon\n12\n", UNKNOWN },
		{ "anon \n12\n", UNKNOWN },
		{ "anon\n", UNKNOWN },
		{ "anon", UNKNOWN },
		{ "anon_thp 12\n", UNKNOWN },
		{ "inactive_anon 12\n", UNKNOWN },
		{ " anon 12\n", UNKNOWN },
		{ "ANON 12\n", UNKNOWN },
		{ "\n\n\n", UNKNOWN },
		{ "\xff\xfe\x01\x80 anon 12\n\x7f" "anon", UNKNOWN },
		{ "", UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i].text, parse(cgroup_parse_stat_v2, rows[i].text).anon == rows[i].anon);
}

static void what_was_there_before_does_not_stay(void **state)
{
	struct cgroup_memory memory = { .anon = 1, .kernel = 2, .oom_kills = 3 };

	(void)state;
	cgroup_parse_stat_v2("file 5\n", &memory);
	assert_true(memory.anon == UNKNOWN);
	assert_true(memory.kernel == UNKNOWN);
	assert_true(memory.file == 5);
	assert_true(memory.oom_kills == 3);
	cgroup_parse_events("", &memory);
	assert_true(memory.oom_kills == UNKNOWN);
}

static bool is_unknown_or(int64_t figure, int64_t whole)
{
	return figure == UNKNOWN || figure == whole;
}

/* Each text, cut behind each of its bytes: no figure may be another than the whole text's. */
static void a_text_cut_anywhere_shows_nothing_that_was_not_there(void **state)
{
	static const struct {
		parse_function parse_text;
		const char *text;
	} rows[] = {
		{ cgroup_parse_stat_v1, stat_v1_6_18 },
		{ cgroup_parse_stat_v2, stat_v2_5_10 },
		{ cgroup_parse_stat_v2, stat_v2_6_1 },
		{ cgroup_parse_stat_v2, stat_v2_6_12 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cgroup_memory whole = parse(rows[i].parse_text, rows[i].text);

		for (size_t length = 0; length < strlen(rows[i].text); length++) {
			char *text = strndup(rows[i].text, length); /* of its own, so that a sanitizer sees what is behind it */
			struct cgroup_memory cut = parse(rows[i].parse_text, text);

			if (!is_unknown_or(cut.anon, whole.anon) || !is_unknown_or(cut.file, whole.file) ||
			    !is_unknown_or(cut.shmem, whole.shmem) || !is_unknown_or(cut.inactive_file, whole.inactive_file) ||
			    !is_unknown_or(cut.swap, whole.swap) || !is_unknown_or(cut.limit, whole.limit) ||
			    !is_unknown_or(cut.kernel, whole.kernel))
				fail_msg("text %zu cut to %zu bytes", i, length);
			free(text);
		}
	}
}

static void kills_are_counted_in_both_versions_words(void **state)
{
	static const struct {
		const char *text;
		int64_t oom_kills;
	} rows[] = {
		{ "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\nsock_throttled 7\n", 5 }, /* memory.events, 6.18 */
		{ "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n", 0 },                                     /* 5.10 */
		{ "oom_kill_disable 1\nunder_oom 0\noom_kill 8\n", 8 },                                 /* memory.oom_control */
		{ "oom_kill_disable 1\nunder_oom 0\n", UNKNOWN },                                       /* before 4.13 */
		{ "oom 4\noom_group_kill 6\n", UNKNOWN },
		{ "oom_kill 5", UNKNOWN },
		{ "", UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i].text, parse(cgroup_parse_events, rows[i].text).oom_kills == rows[i].oom_kills);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_read_and_all_else_is_unknown),
		cmocka_unit_test(no_limit_is_unknown_in_both_versions_words),
		cmocka_unit_test(version_1_is_read_with_the_cgroups_below),
		cmocka_unit_test(version_1_s_limit_is_the_lowest_on_the_way_up),
		cmocka_unit_test(version_2_is_read_as_each_kernel_shows_it),
		cmocka_unit_test(the_kernel_s_memory_is_summed_only_where_its_parts_are_there),
		cmocka_unit_test(a_line_that_holds_no_figure_leaves_it_unknown),
		cmocka_unit_test(what_was_there_before_does_not_stay),
		cmocka_unit_test(a_text_cut_anywhere_shows_nothing_that_was_not_there),
		cmocka_unit_test(kills_are_counted_in_both_versions_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
