// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <gnu/libc-version.h>
#include <link.h>
#include <sys/auxv.h>

#include "tests/unit/elf_image.h"
#include "user/allocator/family.h"
#include "user/allocator/library.h"

static const struct {
	const char *name;
	unsigned int call;
} functions[] = {
	{ "malloc", MEMGAP_CALL_MALLOC }, { "calloc", MEMGAP_CALL_CALLOC }, { "realloc", MEMGAP_CALL_REALLOC },
	{ "memalign", MEMGAP_CALL_MEMALIGN },
	{ "aligned_alloc", MEMGAP_CALL_MEMALIGN }, { "posix_memalign", MEMGAP_CALL_POSIX_MEMALIGN },
	{ "valloc", MEMGAP_CALL_VALLOC }, { "pvalloc", MEMGAP_CALL_PVALLOC }, { "free", MEMGAP_CALL_FREE },
	{ FAMILY_THREAD_END, MEMGAP_CALL_THREAD_END },
};

static struct library read_library(const char *path, int *ret_result)
{
	struct library library = { .name = "before" };
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	*ret_result = library_read(fd, &library);
	close(fd);
	return library;
}

static struct library read_image(const struct elf_image *image, int *ret_result)
{
	struct library library = { .name = "before" };
	int fd = image_open(image, image->size);

	*ret_result = library_read(fd, &library);
	close(fd);
	return library;
}

/* Where in the file the byte at an address of this process comes from, as its maps have it. */
static uint64_t offset_of_address(const void *address)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t found = UINT64_MAX;
	char line[PATH_MAX + 100];

	while (found == UINT64_MAX && fgets(line, sizeof(line), maps)) {
		unsigned long start, end, offset;

		assert_int_equal(sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset), 3);
		if ((uintptr_t)address >= start && (uintptr_t)address < end)
			found = (uintptr_t)address - start + offset;
	}
	fclose(maps);
	assert_true(found != UINT64_MAX);
	return found;
}

/* How it is listed with this offset: the number of times. */
static int times_listed(const struct library *library, uint64_t offset, unsigned int call)
{
	int times = 0;

	for (size_t i = 0; i < library->n; i++)
		if (library->functions[i].offset == offset) {
			assert_int_equal(library->functions[i].call, call);
			times++;
		}
	return times;
}

static void the_real_libc_is_the_glibc_of_its_version(void **state)
{
	char expected[32];
	int result;
	struct library library = read_library(libc_path(), &result);

	(void)state;
	assert_int_equal(result, 0);
	snprintf(expected, sizeof(expected), "glibc %s", gnu_get_libc_version());
	assert_string_equal(library.name, expected);
}

static void each_function_is_where_the_dynamic_loader_finds_it_and_an_alias_once(void **state)
{
	uint64_t offsets[COUNT_OF(functions)];
	size_t distinct = 0;
	int result;
	struct library library = read_library(libc_path(), &result);

	(void)state;
	assert_int_equal(result, 0);
	for (size_t i = 0; i < COUNT_OF(functions); i++) {
		const void *address = libc_symbol(functions[i].name);
		bool is_new = true;

		assert_non_null(address);
		offsets[i] = offset_of_address(address);
		check_row(functions[i].name, times_listed(&library, offsets[i], functions[i].call) == 1);
		for (size_t j = 0; j < i; j++)
			is_new &= offsets[j] != offsets[i];
		distinct += is_new;
	}
	if (!libc_symbol("free_sized")) /* from 2.43 on there are more */
		assert_int_equal(library.n, distinct);
}

static void the_loader_libm_and_this_program_are_no_allocators(void **state)
{
	void *libm = dlopen("libm.so.6", RTLD_LAZY);
	int results[3];
	Dl_info info;

	(void)state;
	assert_non_null(libm);
	assert_true(dladdr(dlsym(libm, "lgamma"), &info) != 0);
	read_library(info.dli_fname, &results[0]);
	assert_true(dladdr((void *)getauxval(AT_BASE), &info) != 0);
	read_library(info.dli_fname, &results[1]);
	read_library("/proc/self/exe", &results[2]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(results[i], -ENOENT);
	dlclose(libm);
}

static void what_is_no_elf_file_of_this_machine_is_refused(void **state)
{
	struct tree tree = tree_make();
	struct elf_image image = libc_image();
	const Elf64_Ehdr sound = *image.header;
	struct library library = { .name = "before" };
	char path[PATH_MAX];
	int result;

	(void)state;
	tree_write(&tree, "empty", "");
	tree_write(&tree, "script", "#!/bin/sh\nexit 0\n");
	tree_write(&tree, "magic", "\177ELF");
	tree_write_bytes(&tree, "header", image.bytes, sizeof(Elf64_Ehdr) - 1);
	for (int i = 0; i < 4; i++) {
		const char *name = (const char *[]){ "empty", "script", "magic", "header" }[i];

		read_library(tree_path(&tree, name, path), &result);
		check_row(name, result == -ENOEXEC);
	}
	assert_int_equal(library_read(tree.fd, &library), -ENOEXEC); /* a directory */
	assert_int_equal(library_read(-1, &library), -ENOEXEC);
	assert_string_equal(library.name, "before");
	tree_remove(&tree);

	for (int i = 0; i < 6; i++) {
		static const char *const names[] = { "machine", "class", "byte order", "object file", "core file", "magic" };

		*image.header = sound;
		switch (i) {
		case 0:
			image.header->e_machine = sound.e_machine == EM_X86_64 ? EM_AARCH64 : EM_X86_64;
			break;
		case 1:
			image.header->e_ident[EI_CLASS] = ELFCLASS32;
			break;
		case 2:
			image.header->e_ident[EI_DATA] = ELFDATA2MSB;
			break;
		case 3:
			image.header->e_type = ET_REL;
			break;
		case 4:
			image.header->e_type = ET_CORE;
			break;
		default:
			image.header->e_ident[0] = 'x';
		}
		read_image(&image, &result);
		check_row(names[i], result == -ENOEXEC);
	}
	free(image.bytes);
}

static void a_symbol_that_is_no_function_or_not_in_the_code_is_not_probed(void **state)
{
	uint64_t offset = offset_of_address(libc_symbol("malloc"));

	(void)state;
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = { "as it is", "a resolver of one", "undefined", "not in the code" };
		struct elf_image image = libc_image();
		Elf64_Sym *symbol = image_symbol(&image, "malloc");
		struct library library;
		int result;

		if (i == 1)
			symbol->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC);
		if (i == 2)
			symbol->st_shndx = SHN_UNDEF;
		if (i == 3)
			symbol->st_value = UINT64_MAX - 5;
		library = read_image(&image, &result);
		check_row(names[i], result == 0);
		check_row(names[i], times_listed(&library, offset, MEMGAP_CALL_MALLOC) == (i == 0));
		free(image.bytes);
	}
}

static void a_library_that_does_not_free_is_none_and_one_that_is_not_the_gnu_one_is_not_known(void **state)
{
	static const char *const needed[] = { "free", "gnu_get_libc_version" };
	static const int results[] = { -ENOENT, -EOPNOTSUPP };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(needed); i++) {
		struct elf_image image = libc_image();
		int result;

		image_symbol(&image, needed[i])->st_shndx = SHN_UNDEF;
		read_image(&image, &result);
		check_row(needed[i], result == results[i]);
		free(image.bytes);
	}
}

static void without_its_banner_it_is_a_glibc_of_no_version(void **state)
{
	struct elf_image image = libc_image();
	char *banner = memmem(image.bytes, image.size, " release version ", 17);
	struct library library;
	int result;

	(void)state;
	assert_non_null(banner);
	banner[1] = 'R';
	library = read_image(&image, &result);
	assert_int_equal(result, 0);
	assert_string_equal(library.name, "glibc");
	free(image.bytes);
}

#if defined(__x86_64__)
/* glibc 2.43 has free_sized() as a jump to free(), where it is counted already. */
static void a_function_that_only_jumps_to_another_of_the_family_is_not_probed(void **state)
{
	static const struct {
		const char *name, *code;
		size_t size;
		bool to_malloc, is_probed;
	} rows[] = {
		{ "jump to malloc", "\xe9", 1, true, false },
		{ "endbr64, jump to malloc", "\xf3\x0f\x1e\xfa\xe9", 5, true, false },
		{ "jump elsewhere", "\xe9", 1, false, true },
		{ "endbr64, push", "\xf3\x0f\x1e\xfa\x55", 5, true, true },
		{ "call of malloc", "\xe8", 1, true, true },
		{ "short jump", "\xeb\x10", 2, true, true },
	};
	uint64_t offset = offset_of_address(libc_symbol("calloc")), malloc_offset = offset_of_address(libc_symbol("malloc"));

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct elf_image image = libc_image();
		uint64_t next = offset + rows[i].size + 4;
		int32_t distance = (int32_t)(malloc_offset - next) + (rows[i].to_malloc ? 0 : 1);
		struct library library;
		int result;

		memcpy(image.bytes + offset, rows[i].code, rows[i].size);
		memcpy(image.bytes + offset + rows[i].size, &distance, sizeof(distance));
		library = read_image(&image, &result);
		check_row(rows[i].name, result == 0);
		check_row(rows[i].name, times_listed(&library, offset, MEMGAP_CALL_CALLOC) == rows[i].is_probed);
		free(image.bytes);
	}
}

static void the_allocators_own_calls_of_free_are_real_calls_of_it(void **state)
{
	const uint8_t *free_address = libc_symbol("free");
	int result;
	struct library library = read_library(libc_path(), &result);

	(void)state;
	assert_int_equal(result, 0);
	assert_true(library_find(&library, "free")->offset == offset_of_address(free_address));
	assert_true(library.n_internal_frees > 0); /* realloc() gives back a block that it has copied */
	assert_true(library.n_internal_frees <= MEMGAP_INTERNAL_FREES);
	for (size_t i = 0; i < library.n_internal_frees; i++) {
		const uint8_t *returns_to = free_address + library.internal_frees[i];
		int32_t distance;

		memcpy(&distance, returns_to - 4, sizeof(distance));
		assert_int_equal(returns_to[-5], 0xe8); /* CALL rel32 */
		assert_ptr_equal(returns_to + distance, free_address);
	}
}
#endif

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_real_libc_is_the_glibc_of_its_version),
		cmocka_unit_test(each_function_is_where_the_dynamic_loader_finds_it_and_an_alias_once),
		cmocka_unit_test(the_loader_libm_and_this_program_are_no_allocators),
		cmocka_unit_test(what_is_no_elf_file_of_this_machine_is_refused),
		cmocka_unit_test(a_symbol_that_is_no_function_or_not_in_the_code_is_not_probed),
		cmocka_unit_test(a_library_that_does_not_free_is_none_and_one_that_is_not_the_gnu_one_is_not_known),
		cmocka_unit_test(without_its_banner_it_is_a_glibc_of_no_version),
#if defined(__x86_64__)
		cmocka_unit_test(a_function_that_only_jumps_to_another_of_the_family_is_not_probed),
		cmocka_unit_test(the_allocators_own_calls_of_free_are_real_calls_of_it),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
