// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <sys/mman.h>

#include "user/heap/other.h"

#define KIB 1024LL
#define MIB (1024 * KIB)

/* As Linux 6.1 shows a mapping, shortened. */
#define MAPPING(range, rest, anonymous)                    \
	range " " rest "\n"                                \
	"Size:               1024 kB\n"                    \
	"Rss:                 999 kB\n"                    \
	"Pss:                 999 kB\n"                    \
	"Anonymous:      " anonymous " kB\n"               \
	"LazyFree:              7 kB\n"                    \
	"AnonHugePages:      2048 kB\n"                    \
	"VmFlags: rd wr mr mw me ac sd \n"

static int feed(struct other_parser *parser, const char *text)
{
	char line[256];
	int result = 0;

	while (!result && *text) {
		size_t length = strcspn(text, "\n");

		assert_true(length < sizeof(line));
		snprintf(line, sizeof(line), "%.*s", (int)length, text);
		result = other_line(parser, line);
		text += length + (text[length] == '\n');
	}
	return result;
}

static struct other_view parse(const char *text, other_owned owned)
{
	struct other_parser parser;
	struct other_view view;

	other_begin(&parser, owned, NULL);
	assert_int_equal(feed(&parser, text), 0);
	assert_int_equal(other_end(&parser, &view), 0);
	return view;
}

static void mappings_of_one_size_are_one_group(void **state)
{
	struct other_view view = parse(MAPPING("10000000-10100000", "rw-p 00000000 00:00 0 ", "1000")
				       MAPPING("20000000-20100000", "rw-p 00000000 00:00 0 ", "1024")
				       MAPPING("30000000-30100000", "rw-p 00000000 00:00 0 ", "24")
				       MAPPING("40000000-40200000", "rw-p 00000000 00:00 0 ", "2047")
				       MAPPING("50000000-50200000", "---p 00000000 00:00 0 ", "0"), NULL);

	(void)state;
	assert_int_equal(view.resident, 4095 * KIB);
	assert_int_equal(view.file, 0);
	assert_int_equal(view.largest.kind, OTHER_SIZE);
	assert_int_equal(view.largest.resident, 2048 * KIB);
	assert_int_equal(view.largest.count, 3);
	assert_int_equal(view.largest.size, MIB);
	assert_string_equal(view.largest.name, "");
}

static void mappings_of_one_name_are_one_group_of_any_size(void **state)
{
	struct other_view view = parse(MAPPING("10000000-10100000", "rw-p 00000000 00:00 0    [anon:arena of x]", "1000")
				       MAPPING("20000000-20200000", "rw-p 00000000 00:00 0    [anon:arena of x]", "500")
				       MAPPING("30000000-30100000", "rw-p 00000000 00:00 0    [anon:other]", "1499")
				       MAPPING("7ff000000-7ff100000", "rw-p 00000000 00:00 0  [stack]", "132"), NULL);

	(void)state;
	assert_int_equal(view.resident, 3131 * KIB);
	assert_int_equal(view.largest.kind, OTHER_NAME);
	assert_string_equal(view.largest.name, "[anon:arena of x]");
	assert_int_equal(view.largest.resident, 1500 * KIB);
	assert_int_equal(view.largest.count, 2);
	assert_int_equal(view.largest.size, 3 * MIB);
}

static void pages_of_files_that_were_written_to_are_a_group_of_their_own(void **state)
{
	struct other_view view = parse(MAPPING("10000000-10100000", "rw-p 00000000 fe:00 12    /usr/lib/a.so", "100")
				       MAPPING("20000000-20200000", "rw-p 00000000 fe:00 13    /usr/lib/b.so", "101")
				       MAPPING("30000000-30200000", "r--p 00000000 fe:00 13    /usr/lib/b.so", "8")
				       MAPPING("40000000-40200000", "rw-s 00000000 00:01 99    /dev/shm/x", "0")
				       MAPPING("50000000-50100000", "rw-p 00000000 00:00 0 ", "208"), NULL);

	(void)state;
	assert_int_equal(view.resident, 417 * KIB);
	assert_int_equal(view.file, 209 * KIB);
	assert_int_equal(view.largest.kind, OTHER_FILE);
	assert_int_equal(view.largest.resident, 209 * KIB);
	assert_int_equal(view.largest.count, 3);
}

static void the_heap_that_brk_made_never_counts(void **state)
{
	struct other_view view = parse(MAPPING("10000000-10100000", "rw-p 00000000 00:00 0    [heap]", "1000")
				       MAPPING("20000000-20100000", "rw-p 00000000 00:00 0    [heap2]", "1"), NULL);

	(void)state;
	assert_int_equal(view.resident, KIB);
	assert_string_equal(view.largest.name, "[heap2]");
}

/* All of the first mapping, 256 KiB in the middle of the second with 100 KiB of them resident. */
static struct heap_part_of owned_in_part(const void *data, uint64_t start, uint64_t end)
{
	assert_null(data);
	if (start == 0x10000000)
		return (struct heap_part_of){ end - start, 512 * 1024 };
	return start == 0x20000000 ? (struct heap_part_of){ 256 * 1024, 100 * 1024 } : (struct heap_part_of){ 0 };
}

static void what_is_the_heaps_is_taken_off(void **state)
{
	struct other_view view = parse(MAPPING("10000000-10100000", "rw-p 00000000 00:00 0 ", "1000")
				       MAPPING("20000000-20100000", "rw-p 00000000 00:00 0 ", "612")
				       MAPPING("30000000-30100000", "rw-p 00000000 00:00 0 ", "3"), owned_in_part);

	(void)state;
	assert_int_equal(view.resident, 515 * KIB);
	assert_int_equal(view.largest.resident, 512 * KIB);
	assert_int_equal(view.largest.size, 768 * KIB);
	assert_int_equal(view.largest.count, 1);
	/* more was resident a moment ago, when the heap was read, than is now */
	view = parse(MAPPING("20000000-20100000", "rw-p 00000000 00:00 0 ", "99"), owned_in_part);
	assert_int_equal(view.resident, 0);
	assert_int_equal(view.largest.kind, OTHER_NONE);
}

static void a_text_of_no_mapping_has_no_group(void **state)
{
	static const char *const rows[] = {
		"", "Anonymous: 100 kB\n", "Rss: 100 kB\nAnonymous: 12 kB\n", MAPPING("10000000-10100000", "rw-p 00000000 00:00 0 ", "0"),
		MAPPING("10000000-10100000", "rw-p 00000000 00:00 0 ", "-5"),
		MAPPING("10000000-10100000", "rw-p 00000000 00:00 0 ", "99999999999999999"),
		MAPPING("10100000-10000000", "rw-p 00000000 00:00 0 ", "5"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct other_view view = parse(rows[i], NULL);

		check_row(rows[i], view.resident == 0 && view.largest.kind == OTHER_NONE);
	}
}

/* The kernel shows a newline in a path as \012 (seq_file_path()): what a path says is not on a line of its own. */
static void a_path_cannot_pretend_to_be_a_figure_and_a_long_name_is_cut(void **state)
{
	struct other_view view = parse(MAPPING("10000000-10100000", "rw-p 00000000 00:00 0  [anon:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
					       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]", "5")
				       "20000000-20100000 rw-p 00000000 fe:00 3 /tmp/a\\012Anonymous: 77 kB\nAnonymous: 4 kB\n", NULL);

	(void)state;
	assert_int_equal(view.resident, 9 * KIB);
	assert_int_equal(strlen(view.largest.name), OTHER_NAME_MAX - 1);
}

static void figures_without_bounds_do_not_become_negative(void **state)
{
	struct other_view view = parse(MAPPING("10000000-10100000", "rw-p 00000000 00:00 0 ", "9007199254740991")
				       MAPPING("20000000-20100000", "rw-p 00000000 fe:01 77 /a", "9007199254740991")
				       MAPPING("30000000-30100000", "rw-p 00000000 fe:01 77 /b", "9007199254740991"), NULL);

	(void)state;
	assert_int_equal(view.resident, INT64_MAX);
	assert_int_equal(view.file, INT64_MAX);
	assert_int_equal(view.largest.resident, INT64_MAX);
}

static void own_memory_is_found_by_its_size(void **state)
{
	struct other_view before, after;
	const size_t size = 3 * MIB + 20 * KIB;
	int proc_fd = open_proc();
	char *blocks[8];

	(void)state;
	assert_int_equal(other_read(proc_fd, getpid(), NULL, &before), 0);
	for (size_t i = 0; i < COUNT_OF(blocks); i++) {
		blocks[i] = mmap(NULL, size + 8 * KIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		mprotect(blocks[i] + 4 * KIB, size, PROT_READ | PROT_WRITE); /* none touches another */
		madvise(blocks[i], size + 8 * KIB, MADV_NOHUGEPAGE);
		memset(blocks[i] + 4 * KIB, 1, 2 * MIB);
	}
	assert_int_equal(other_read(proc_fd, getpid(), NULL, &after), 0);
	assert_int_equal(after.largest.kind, OTHER_SIZE);
	assert_int_equal(after.largest.count, COUNT_OF(blocks));
	assert_int_equal(after.largest.size, size);
	assert_int_equal(after.largest.resident, COUNT_OF(blocks) * 2 * MIB);
	assert_in_range(after.resident - before.resident, COUNT_OF(blocks) * 2 * MIB, COUNT_OF(blocks) * 2 * MIB + MIB);
	for (size_t i = 0; i < COUNT_OF(blocks); i++)
		munmap(blocks[i], size + 8 * KIB);
	close(proc_fd);
}

static void a_process_that_is_gone_has_none(void **state)
{
	struct other_view view;
	struct tree tree = tree_make();

	(void)state;
	assert_int_equal(other_read(tree.fd, 12, NULL, &view), -ESRCH);
	tree_remove(&tree);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(mappings_of_one_size_are_one_group),
		cmocka_unit_test(mappings_of_one_name_are_one_group_of_any_size),
		cmocka_unit_test(pages_of_files_that_were_written_to_are_a_group_of_their_own),
		cmocka_unit_test(the_heap_that_brk_made_never_counts),
		cmocka_unit_test(what_is_the_heaps_is_taken_off),
		cmocka_unit_test(a_text_of_no_mapping_has_no_group),
		cmocka_unit_test(a_path_cannot_pretend_to_be_a_figure_and_a_long_name_is_cut),
		cmocka_unit_test(figures_without_bounds_do_not_become_negative),
		cmocka_unit_test(own_memory_is_found_by_its_size),
		cmocka_unit_test(a_process_that_is_gone_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
