// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "user/allocator/modules.h"

static void each_mapping_with_code_of_a_file_is_listed(void **state)
{
	static const char text[] =
		"55d0c0000000-55d0c0002000 r--p 00000000 fe:01 1001                       /usr/bin/cat\n"
		"55d0c0002000-55d0c0006000 r-xp 00002000 fe:01 1001                       /usr/bin/cat\n"
		"55d0c0009000-55d0c000a000 rw-p 00009000 fe:01 1001                       /usr/bin/cat\n"
		"55d0c1000000-55d0c1021000 rw-p 00000000 00:00 0                          [heap]\n"
		"7f0000000000-7f0000001000 r-xp 00000000 00:00 0 \n"
		"7f0000010000-7f0000020000 r-xs 00000000 00:1f 18446744073709551615       /with space/lib.so (deleted)\n"
		"7f0000020000-7f0000021000 --xp 00000000 103:fffff 3\n"
		"7f0000030000-7f0000031000 rwxp 00000000 08:01 4                          /jit r-xp 0 1:2 3\n"
		"7ffff7fc0000-7ffff7fc2000 r-xp 00000000 00:00 0                          [vdso]\n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";
	const struct memgap_module expected[] = {
		{ 0x55d0c0002000, 0x55d0c0006000, makedev(0xfe, 1), 1001 },
		{ 0x7f0000010000, 0x7f0000020000, makedev(0, 0x1f), UINT64_MAX },
		{ 0x7f0000020000, 0x7f0000021000, makedev(0x103, 0xfffff), 3 },
		{ 0x7f0000030000, 0x7f0000031000, makedev(8, 1), 4 },
	};
	struct modules modules = { 0 };

	(void)state;
	assert_int_equal(modules_parse_maps(text, false, &modules), 0);
	assert_int_equal(modules.n, COUNT_OF(expected));
	assert_memory_equal(modules.list, expected, sizeof(expected));
	modules_free(&modules);
	assert_null(modules.list);
	assert_int_equal(modules.n, 0);
}

static void lines_that_are_none_are_passed_over(void **state)
{
	static const char *const rows[] = {
		"", "\n", "\n\n\n", "x\n", "-\n", "1000-2000\n", "1000-2000 r-xp\n", "1000-2000 r-xp 0\n", "1000-2000 r-xp 0 8:1\n",
		"1000-2000 r-xp 0 8:1 \n", "1000 2000 r-xp 0 8:1 5\n", "1000-2000 r-xp 0 8-1 5\n", "1000-2000 r-xp 0 8:1 x\n",
		"zz-2000 r-xp 0 8:1 5\n", "1000-2000 r-x", "/usr/bin/cat\n", "1000-2000 x 0 8:1 5\n", "1000-2000 xx 0 8:1 5\n",
		"1000-2000 rw-p 0 8:1 5 r-xp\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct modules modules = { 0 };
		char text[200];

		check_row(rows[i], modules_parse_maps(rows[i], false, &modules) == 0 && modules.n == 0 && !modules.list);
		snprintf(text, sizeof(text), "%s\n7000-8000 r-xp 0 8:1 42 /x\n", rows[i]);
		check_row(rows[i], modules_parse_maps(text, false, &modules) == 0 && modules.n == 1);
		check_row(rows[i], modules.list[0].start == 0x7000 && modules.list[0].inode == 42);
		modules_free(&modules);
	}
}

static void files_that_are_no_code_are_there_where_all_are_wanted(void **state)
{
	static const char text[] = "1000-2000 r--p 0 8:1 5 /x\n2000-3000 r-xp 1000 8:1 5 /x\n3000-4000 rw-p 0 0:0 0\n";
	struct modules modules = { 0 };

	(void)state;
	assert_int_equal(modules_parse_maps(text, true, &modules), 0);
	assert_int_equal(modules.n, 2);
	assert_int_equal(modules.list[0].start, 0x1000);
	assert_int_equal(modules.list[0].inode, 5);
	modules_free(&modules);
}

static void a_very_long_path_hides_no_line_after_it(void **state)
{
	static const char first[] = "1000-2000 r-xp 0 8:1 5 /", second[] = "\n3000-4000 r-xp 0 8:1 6 /y\n";
	char *text = malloc(sizeof(first) + 100000 + sizeof(second));
	struct modules modules = { 0 };

	(void)state;
	strcpy(text, first);
	memset(text + sizeof(first) - 1, 'x', 100000);
	strcpy(text + sizeof(first) - 1 + 100000, second);
	assert_int_equal(modules_parse_maps(text, false, &modules), 0);
	assert_int_equal(modules.n, 2);
	assert_int_equal(modules.list[1].inode, 6);
	modules_free(&modules);
	free(text);
}

/* vm.max_map_count is 65530: more than that no process has, and a hostile one may have as many. */
static void the_maps_of_a_process_with_all_mappings_it_can_have_are_read_in_time(void **state)
{
	struct modules modules = { 0 };
	struct timespec before, after;
	size_t size;
	FILE *file;
	char *text;

	(void)state;
	file = open_memstream(&text, &size);
	for (unsigned long i = 0; i < 65530; i++)
		fprintf(file, "%lx-%lx r-xp 00000000 08:01 %lu                      /usr/lib/x86_64-linux-gnu/libsomething.so.1\n",
			0x7f0000000000 + i * 8192, 0x7f0000001000 + i * 8192, i + 1);
	fclose(file);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	assert_int_equal(modules_parse_maps(text, false, &modules), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_int_equal(modules.n, 65530);
	assert_int_equal(modules.list[65529].inode, 65530);
	/*
	 * A linear walk takes some 30 ms, one that looks to the end of the text at each line seconds. Under valgrind, whose realloc() always
	 * copies, 30 times as long, and more than a minute where each mapping costs one.
	 */
	assert_in_range((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000, 0, getenv("UNDER") ? 30000 : 1000);
	modules_free(&modules);
	free(text);
}

/* The one that an address of this process lies in. */
static const struct memgap_module *module_at(const struct modules *modules, const void *address)
{
	for (size_t i = 0; i < modules->n; i++)
		if ((uintptr_t)address >= modules->list[i].start && (uintptr_t)address < modules->list[i].end)
			return &modules->list[i];
	return NULL;
}

/* The inode that maps shows for the file of this name; stat() has another on overlayfs. */
static unsigned long long inode_in_maps(const char *name)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long long inode = 0;
	char line[PATH_MAX + 100];

	while (fgets(line, sizeof(line), maps))
		if (strstr(line, name))
			assert_int_equal(sscanf(line, "%*s %*s %*s %*s %llu", &inode), 1);
	fclose(maps);
	assert_true(inode > 0);
	return inode;
}

static void own_modules_hold_libc_and_this_program(void **state)
{
	void *in_libc = dlsym(RTLD_NEXT, "gnu_get_libc_version");
	const struct memgap_module *libc, *self;
	int proc_fd = open_proc();
	struct modules modules;

	(void)state;
	assert_non_null(in_libc);
	assert_int_equal(modules_read(NULL, proc_fd, getpid(), &modules), 0);
	libc = module_at(&modules, in_libc);
	self = module_at(&modules, (const void *)(uintptr_t)module_at);
	assert_non_null(libc);
	assert_non_null(self);
	assert_true(libc->inode == inode_in_maps("/libc.so.6"));
	assert_true(self->inode == inode_in_maps("/test_modules"));
	modules_free(&modules);
	close(proc_fd);
}

static void a_file_is_identified_as_the_module_that_a_mapping_of_it_is(void **state)
{
	int proc_fd = open_proc(), fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const struct memgap_module *self;
	struct memgap_module module;
	struct modules modules;

	(void)state;
	assert_int_equal(module_identify(NULL, proc_fd, fd, &module), 0);
	assert_int_equal(modules_read(NULL, proc_fd, getpid(), &modules), 0);
	self = module_at(&modules, (const void *)(uintptr_t)module_at);
	assert_true(module.inode == self->inode);
	assert_true(module.device == self->device);
	/* the mapping that found it out is gone again */
	assert_null(module_at(&modules, (const void *)(uintptr_t)module.start));
	modules_free(&modules);
	close(fd);
	close(proc_fd);
}

static void an_empty_file_and_a_directory_cannot_be_identified(void **state)
{
	struct tree tree = tree_make();
	struct memgap_module module;
	int proc_fd = open_proc();

	(void)state;
	assert_true(module_identify(NULL, proc_fd, tree.fd, &module) < 0);
	assert_true(module_identify(NULL, proc_fd, -1, &module) < 0);
	close(proc_fd);
	tree_remove(&tree);
}

static void exit_at_once(int ready_fd)
{
	child_is_ready(ready_fd);
}

static void a_zombie_and_a_missing_process_have_no_modules(void **state)
{
	pid_t child = child_start(exit_at_once);
	struct modules modules;
	int proc_fd = open_proc();

	(void)state;
	child_await_zombie(child);
	assert_int_equal(modules_read(NULL, proc_fd, child, &modules), -ESRCH);
	waitpid(child, NULL, 0);
	assert_int_equal(modules_read(NULL, proc_fd, child, &modules), -ESRCH);
	close(proc_fd);
}

static void maps_are_read_below_the_proc_directory(void **state)
{
	struct tree tree = tree_make();
	struct modules modules;

	(void)state;
	tree_mkdir(&tree, "12");
	tree_write(&tree, "12/maps", "1000-2000 r-xp 0 8:1 5 /a\n1000-2000 r-xp 0 8:1 5 /a\n");
	assert_int_equal(modules_read(NULL, tree.fd, 12, &modules), 0);
	assert_int_equal(modules.n, 2); /* a file may be there more than once */
	modules_free(&modules);
	tree_write(&tree, "12/maps", "1000-2000 rw-p 0 0:0 0\n");
	assert_int_equal(modules_read(NULL, tree.fd, 12, &modules), -ESRCH); /* nothing to probe in it */
	tree_remove(&tree);
}

static void what_is_no_regular_file_is_not_opened_as_a_module(void **state)
{
	static const struct memgap_module module = { .start = 0x1000, .end = 0x2000 };
	struct tree tree = tree_make();
	char byte;
	int fd;

	(void)state;
	tree_mkdir(&tree, "12");
	tree_mkdir(&tree, "12/map_files");
	assert_int_equal(module_open(tree.fd, 12, &module), -ENOENT);
	assert_int_equal(mkfifoat(tree.fd, "12/map_files/1000-2000", 0644), 0);
	assert_int_equal(module_open(tree.fd, 12, &module), -ENOEXEC); /* opening it would hang */
	assert_int_equal(unlinkat(tree.fd, "12/map_files/1000-2000", 0), 0);
	tree_write(&tree, "12/map_files/1000-2000", "F");
	fd = module_open(tree.fd, 12, &module);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(byte, 'F');
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	tree_remove(&tree);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mapping_with_code_of_a_file_is_listed),
		cmocka_unit_test(lines_that_are_none_are_passed_over),
		cmocka_unit_test(files_that_are_no_code_are_there_where_all_are_wanted),
		cmocka_unit_test(a_very_long_path_hides_no_line_after_it),
		cmocka_unit_test(the_maps_of_a_process_with_all_mappings_it_can_have_are_read_in_time),
		cmocka_unit_test(own_modules_hold_libc_and_this_program),
		cmocka_unit_test(a_file_is_identified_as_the_module_that_a_mapping_of_it_is),
		cmocka_unit_test(an_empty_file_and_a_directory_cannot_be_identified),
		cmocka_unit_test(a_zombie_and_a_missing_process_have_no_modules),
		cmocka_unit_test(maps_are_read_below_the_proc_directory),
		cmocka_unit_test(what_is_no_regular_file_is_not_opened_as_a_module),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
