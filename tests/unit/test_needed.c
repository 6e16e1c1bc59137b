// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/auxv.h>

#include "tests/unit/elf_image.h"
#include "user/allocator/needed.h"

static struct tree tree;

static int setup(void **state)
{
	(void)state;
	tree = tree_make();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(&tree);
	return 0;
}

/* The smallest ELF file with one segment. */
static void write_elf(const char *path, uint32_t type, const char *content, uint64_t size)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segment;
		char content[PATH_MAX];
	} file = {
		.header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_EXEC,
			    .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_phoff = sizeof(Elf64_Ehdr), .e_phnum = 1,
			    .e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr) },
		.segment = { .p_type = type, .p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), .p_filesz = size },
	};

	snprintf(file.content, sizeof(file.content), "%s", content);
	tree_write_bytes(&tree, path, &file, sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + strlen(content) + 1);
}

static int interpreter_of(const char *name, char ret[PATH_MAX])
{
	char path[PATH_MAX];

	return needed_interpreter(tree_path(&tree, name, path), ret);
}

static void a_dynamic_program_has_its_loader(void **state)
{
	char interpreter[PATH_MAX];
	Dl_info info;

	(void)state;
	assert_true(dladdr((void *)getauxval(AT_BASE), &info) != 0); /* this program's own */
	assert_int_equal(needed_interpreter("/proc/self/exe", interpreter), 1);
	assert_string_equal(interpreter, info.dli_fname);
	assert_int_equal(needed_interpreter("/bin/true", interpreter), 1);
	assert_int_equal(access(interpreter, X_OK), 0);
}

static void a_script_has_the_interpreter_of_its_first_line(void **state)
{
	static const struct {
		const char *text, *interpreter;
	} rows[] = {
		{ "#!/bin/sh\nexit\n", "/bin/sh" }, { "#!/bin/sh", "/bin/sh" }, { "#! \t /bin/sh -e\n", "/bin/sh" },
		{ "#!/usr/bin/env python3\n#!/bin/other\n", "/usr/bin/env" }, { "#!/bin/sh\t-x\n", "/bin/sh" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char interpreter[PATH_MAX] = "";

		tree_write(&tree, "script", rows[i].text);
		check_row(rows[i].text, interpreter_of("script", interpreter) == 2);
		check_row(rows[i].text, !strcmp(interpreter, rows[i].interpreter));
	}
}

static void a_static_program_has_none(void **state)
{
	char interpreter[PATH_MAX];

	(void)state;
	write_elf("static", PT_LOAD, "code", 5);
	assert_int_equal(interpreter_of("static", interpreter), 0);
}

static void a_file_that_cannot_be_run_or_read_is_an_error(void **state)
{
	static const char *const texts[] = { "", "#", "#!", "#!\n", "#! \t \n", "x", "\177ELF" };
	char interpreter[PATH_MAX];

	(void)state;
	assert_int_equal(interpreter_of("missing", interpreter), -ENOENT);
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		tree_write(&tree, "file", texts[i]);
		check_row(texts[i], interpreter_of("file", interpreter) == -ENOEXEC);
	}
	tree_mkdir(&tree, "dir");
	assert_true(interpreter_of("dir", interpreter) < 0);
}

static void an_elf_file_that_lies_about_its_loader_is_an_error(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 1000, PATH_MAX, UINT64_MAX, INT64_MAX };
	char interpreter[PATH_MAX];
	Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64 }, .e_phnum = 0xffff, .e_phoff = UINT64_MAX - 10 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		write_elf("lie", PT_INTERP, "/lib/ld.so", sizes[i]);
		if (interpreter_of("lie", interpreter) != -ENOEXEC)
			fail_msg("size %" PRIu64, sizes[i]);
	}
	tree_write_bytes(&tree, "lie", &header, sizeof(header));
	assert_int_equal(interpreter_of("lie", interpreter), -ENOEXEC);
	header.e_phoff = sizeof(header); /* just behind the end */
	tree_write_bytes(&tree, "lie", &header, sizeof(header));
	assert_int_equal(interpreter_of("lie", interpreter), -ENOEXEC);
}

struct seen {
	char paths[32][PATH_MAX];
	int n;
};

static void take_path(const char *path, void *data)
{
	struct seen *seen = data;

	assert_true(seen->n < 32);
	strcpy(seen->paths[seen->n++], path);
}

static bool saw_file(const struct seen *seen, const char *path)
{
	struct stat wanted, st;

	assert_int_equal(stat(path, &wanted), 0);
	for (int i = 0; i < seen->n; i++)
		if (!stat(seen->paths[i], &st) && st.st_dev == wanted.st_dev && st.st_ino == wanted.st_ino)
			return true;
	return false;
}

static int count_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void the_libraries_of_a_program_hold_libc_and_each_is_a_file(void **state)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	int before = count_open();

	(void)state;
	assert_int_equal(needed_libraries("/bin/true", take_path, seen), 0);
	assert_true(saw_file(seen, libc_path()));
	for (int i = 0; i < seen->n; i++)
		check_row(seen->paths[i], seen->paths[i][0] == '/' && access(seen->paths[i], R_OK) == 0);
	assert_int_equal(count_open(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	assert_int_equal(errno, ECHILD);
	free(seen);
}

static void a_script_needs_what_its_interpreter_needs(void **state)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	char first[PATH_MAX], second[PATH_MAX], text[PATH_MAX + 8];

	(void)state;
	tree_write(&tree, "first", "#!/bin/true\n");
	snprintf(text, sizeof(text), "#!%s\n", tree_path(&tree, "first", first));
	tree_write(&tree, "second", text); /* a script whose interpreter is a script */
	assert_int_equal(needed_libraries(tree_path(&tree, "second", second), take_path, seen), 0);
	assert_true(saw_file(seen, libc_path()));
	free(seen);
}

static void a_script_without_end_or_interpreter_is_an_error(void **state)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	char path[PATH_MAX], text[PATH_MAX + 8];

	(void)state;
	snprintf(text, sizeof(text), "#!%s\n", tree_path(&tree, "loop", path));
	tree_write(&tree, "loop", text);
	assert_int_equal(needed_libraries(path, take_path, seen), -ELOOP);
	tree_write(&tree, "lost", "#!/no/such/interpreter\n");
	assert_int_equal(needed_libraries(tree_path(&tree, "lost", path), take_path, seen), -ENOENT);
	write_elf("loader lost", PT_INTERP, "/no/such/loader", 16);
	assert_true(needed_libraries(tree_path(&tree, "loader lost", path), take_path, seen) < 0);
	assert_int_equal(needed_libraries("/no/such/program", take_path, seen), -ENOENT);
	assert_int_equal(seen->n, 0);
	free(seen);
}

static void a_static_program_needs_itself_alone(void **state)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	char path[PATH_MAX];

	(void)state;
	write_elf("static", PT_LOAD, "code", 5);
	assert_int_equal(needed_libraries(tree_path(&tree, "static", path), take_path, seen), 0);
	assert_int_equal(seen->n, 1);
	assert_string_equal(seen->paths[0], path);
	free(seen);
}

static void of_what_a_loader_lists_only_files_are_taken(void **state)
{
	static const char *const expected[] = { "/lib/libc.so.6", "/opt/my libs/b.so", "/lib64/ld.so.2" };
	struct seen *seen = calloc(1, sizeof(*seen));
	char loader[PATH_MAX], program[PATH_MAX];

	(void)state;
	tree_write(&tree, "loader",
		   "#!/bin/sh\n[ \"$1\" = --list ] || exit 1\n[ -e \"$2\" ] || exit 1\nprintf '%s\\n' "
		   "'\tlinux-vdso.so.1 (0x00007ffc1)' '\tlibc.so.6 => /lib/libc.so.6 (0x00007f1)' '\tlibx.so.1 => not found' "
		   "'\tb.so => /opt/my libs/b.so (0x00007f2)' '\t/lib64/ld.so.2 (0x00007f3)' 'nonsense' '' '\tc.so => /cut'\n");
	tree_path(&tree, "loader", loader);
	write_elf("program", PT_INTERP, loader, strlen(loader) + 1);
	assert_int_equal(needed_libraries(tree_path(&tree, "program", program), take_path, seen), 0);
	assert_int_equal(seen->n, COUNT_OF(expected) + 1);
	for (size_t i = 0; i < COUNT_OF(expected); i++)
		assert_string_equal(seen->paths[i], expected[i]);
	assert_string_equal(seen->paths[COUNT_OF(expected)], program);
	free(seen);
}

#define on_a_tree(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		on_a_tree(a_dynamic_program_has_its_loader),
		on_a_tree(a_script_has_the_interpreter_of_its_first_line),
		on_a_tree(a_static_program_has_none),
		on_a_tree(a_file_that_cannot_be_run_or_read_is_an_error),
		on_a_tree(an_elf_file_that_lies_about_its_loader_is_an_error),
		on_a_tree(the_libraries_of_a_program_hold_libc_and_each_is_a_file),
		on_a_tree(a_script_needs_what_its_interpreter_needs),
		on_a_tree(a_script_without_end_or_interpreter_is_an_error),
		on_a_tree(a_static_program_needs_itself_alone),
		on_a_tree(of_what_a_loader_lists_only_files_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
