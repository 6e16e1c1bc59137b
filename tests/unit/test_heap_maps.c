// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/memory/lines.h"
#include "user/memory/maps.h"

static void a_line_tells_what_a_mapping_is(void **state)
{
	struct mapping mapping;

	(void)state;
	assert_true(mapping_parse("7f12a000b000-7f12a002c000 rw-p 00001000 fe:01 1234 /usr/lib/a file", &mapping));
	assert_true(mapping.start == 0x7f12a000b000 && mapping.end == 0x7f12a002c000);
	assert_true(mapping.offset == 0x1000 && mapping.inode == 1234);
	assert_true(mapping.writable && mapping.private && !mapping.executable);
	assert_string_equal(mapping.name, "/usr/lib/a file");
	assert_true(mapping_parse("1000-2000 r-xs 00000000 00:00 0 ", &mapping));
	assert_true(!mapping.writable && !mapping.private && mapping.executable);
	assert_string_equal(mapping.name, "");
}

static void what_is_no_mapping_is_none(void **state)
{
	static const char *const rows[] = {
		"", "Anonymous:             100 kB", "1000-2000", "1000-2000 rw-p", "1000-2000 rw-p 0", "1000-2000 rw-p 0 00:00",
		"1000-2000 rw-p 0 00:00 ", "1000-2000 rw-p 0 00:00 x", "2000-1000 rw-p 0 00:00 0", "1000-1000 rw-p 0 00:00 0",
		"-1000-2000 rw-p 0 00:00 0", " 1000-2000 rw-p 0 00:00 0", "1000- 2000 rw-p 0 00:00 0", "1000-2000 rw- 0 00:00 0",
		"11112222333344445-2000 rw-p 0 00:00 0", "1000-2000 rw-p g 00:00 0", "VmFlags: rd wr mr mw me ac sd",
	};
	struct mapping mapping = { .start = 77 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i], !mapping_parse(rows[i], &mapping) && mapping.start == 77);
}

static const char maps[] =
	"555555554000-555555555000 rw-p 00003000 fe:00 11 /bin/x\n"
	"555555555000-555555556000 rw-p 00000000 00:00 0 \n"
	"555555576000-555555597000 rw-p 00000000 00:00 0                          [heap]\n"
	"7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
	"7f0000021000-7f0004000000 ---p 00000000 00:00 0 \n"
	"7f1000000000-7f1000001000 rw-p 00000000 00:00 0                          [anon: glibc: malloc]\n"
	"7f2000000000-7f2000001000 rw-s 00000000 00:01 3 /dev/zero (deleted)\n"
	"7f2000002000-7f2000003000 rw-s 00000000 00:00 0 \n"
	"7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]\n";

static void candidates_are_private_writable_and_of_nobody(void **state)
{
	struct anonymous anonymous = { 0 };
	struct tree tree = tree_make();

	(void)state;
	tree_write(&tree, "maps", maps);
	for (int i = 0; i < 2; i++) { /* the second time into what is there */
		assert_int_equal(anonymous_read(tree.fd, &anonymous), 0);
		assert_int_equal(anonymous.n, 3);
		assert_true(anonymous.list[0].start == 0x555555555000 && anonymous.list[0].end == 0x555555556000);
		assert_true(anonymous.list[1].start == 0x7f0000000000 && anonymous.list[1].end == 0x7f0000021000);
		assert_true(anonymous.list[2].start == 0x7f1000000000);
		assert_true(anonymous.brk_end == 0x555555597000);
	}
	tree_write(&tree, "maps", "");
	assert_int_equal(anonymous_read(tree.fd, &anonymous), 0);
	assert_int_equal(anonymous.n, 0);
	assert_true(anonymous.brk_end == 0);
	anonymous_free(&anonymous);
	tree_remove(&tree);
}

static void a_process_without_maps_is_gone(void **state)
{
	struct anonymous anonymous = { 0 };
	struct tree tree = tree_make();

	(void)state;
	assert_int_equal(anonymous_read(tree.fd, &anonymous), -ESRCH);
	tree_remove(&tree);
}

static struct lines lines;

static void lines_of_any_length_come_whole_up_to_the_bound(void **state)
{
	struct tree tree = tree_make();
	static char text[LINE_MAX_BYTES * 3];
	const char *line;
	int fd, result;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[10] = text[LINE_MAX_BYTES] = text[LINE_MAX_BYTES + 1] = text[2 * LINE_MAX_BYTES] = '\n';
	tree_write(&tree, "text", text);
	fd = openat(tree.fd, "text", O_RDONLY);
	lines_open(&lines, fd);
	assert_int_equal(strlen(lines_next(&lines, &result)), 10);
	assert_int_equal(strlen(lines_next(&lines, &result)), LINE_MAX_BYTES - 11);
	assert_int_equal(strlen(lines_next(&lines, &result)), 0);
	assert_int_equal(strlen(lines_next(&lines, &result)), LINE_MAX_BYTES - 2);
	assert_null(lines_next(&lines, &result)); /* what has no newline is no line */
	assert_int_equal(result, 0);
	close(fd);
	memset(text, 'x', sizeof(text) - 1);
	tree_write(&tree, "text", text);
	fd = openat(tree.fd, "text", O_RDONLY);
	lines_open(&lines, fd);
	line = lines_next(&lines, &result);
	assert_null(line);
	assert_int_equal(result, -EFBIG);
	close(fd);
	tree_remove(&tree);
}

static void a_text_without_end_ends(void **state)
{
	int fd = open("/dev/zero", O_RDONLY), result;

	(void)state;
	lines_open(&lines, fd);
	assert_null(lines_next(&lines, &result));
	assert_int_equal(result, -EFBIG);
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_tells_what_a_mapping_is),
		cmocka_unit_test(what_is_no_mapping_is_none),
		cmocka_unit_test(candidates_are_private_writable_and_of_nobody),
		cmocka_unit_test(a_process_without_maps_is_gone),
		cmocka_unit_test(lines_of_any_length_come_whole_up_to_the_bound),
		cmocka_unit_test(a_text_without_end_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
