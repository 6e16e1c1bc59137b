// SPDX-License-Identifier: GPL-2.0-only
/* ELF files that lie: read in bounded time and memory, whatever they claim. */
#include "tests/unit/helpers.h"

#include <sys/resource.h>

#include "tests/unit/elf_image.h"
#include "user/allocator/family.h"
#include "user/allocator/library.h"

#define MIB (1024 * 1024UL)
/* The readers' own bounds add up to about 150 MiB; a sanitizer's quarantine takes 256 MiB. The lies ask for a GiB. */
#define MOST_KIB (512 * 1024)
#define SECONDS 10

static bool is_refusal(int result)
{
	return result == -ENOENT || result == -ENOEXEC;
}

static void each_cut_copy_of_libc_is_refused(void **state)
{
	struct elf_image image = libc_image();
	int fd = image_open(&image, image.size);

	(void)state;
	for (size_t length = image.size - 1;; length = length > 1000 ? length - 997 : length - 1) {
		struct library library = { .n = 99 };
		int result;

		assert_int_equal(ftruncate(fd, (off_t)length), 0);
		result = library_read(fd, &library);
		if (!is_refusal(result) || library.n != 99)
			fail_msg("cut to %zu bytes: %d", length, result);
		if (!length)
			break;
	}
	close(fd);
	free(image.bytes);
}

static void a_header_that_lies_is_refused(void **state)
{
	enum { SHNUM_MOST, SHNUM_NONE, PHNUM_MOST, PHNUM_NONE, SHOFF_BEYOND, SHOFF_LAST, PHOFF_BEYOND, DYNSYM_SIZE,
	       DYNSYM_OFFSET, DYNSYM_ENTRY_0, DYNSYM_ENTRY_1, DYNSYM_LINK, DYNSYM_LINK_SELF, DYNSYM_NOBITS, STRINGS_OFFSET,
	       STRINGS_EMPTY, LIES };
	static const char *const names[LIES] = {
		"65535 sections", "no sections, but a table of them", "65535 segments", "no segments", "sections behind the end",
		"sections at the last address", "segments behind the end", "endless symbols",
		"symbols behind the end", "symbols of size 0", "symbols of size 1", "names in a section that is not there",
		"names in the symbols themselves", "symbols that are not in the file", "names behind the end", "no names",
	};

	(void)state;
	for (int lie = 0; lie < LIES; lie++) {
		struct elf_image image = libc_image();
		Elf64_Ehdr *header = image.header;
		Elf64_Shdr *dynsym = image_dynsym(&image), *dynstr = image_dynstr(&image);
		struct library library = { .n = 99 };
		int fd, result;

		switch (lie) {
		case SHNUM_MOST: header->e_shnum = 0xffff; break;
		case SHNUM_NONE: header->e_shnum = 0; break;
		case PHNUM_MOST: header->e_phnum = 0xffff; break;
		case PHNUM_NONE: header->e_phnum = 0; break;
		case SHOFF_BEYOND: header->e_shoff = image.size + 4096; break;
		case SHOFF_LAST: header->e_shoff = UINT64_MAX - 10; break;
		case PHOFF_BEYOND: header->e_phoff = UINT64_MAX - 10; break;
		case DYNSYM_SIZE: dynsym->sh_size = UINT64_MAX - 7; break;
		case DYNSYM_OFFSET: dynsym->sh_offset = UINT64_MAX - 7; break;
		case DYNSYM_ENTRY_0: dynsym->sh_entsize = 0; break;
		case DYNSYM_ENTRY_1: dynsym->sh_entsize = 1; break;
		case DYNSYM_LINK: dynsym->sh_link = 0xfffffff0; break;
		case DYNSYM_LINK_SELF: dynsym->sh_link = (Elf64_Word)(dynsym - image_sections(&image)); break;
		case DYNSYM_NOBITS: dynsym->sh_type = SHT_NOBITS; break;
		case STRINGS_OFFSET: dynstr->sh_offset = UINT64_MAX - 7; break;
		default: dynstr->sh_size = 0;
		}
		fd = image_open(&image, image.size);
		result = library_read(fd, &library);
		check_row(names[lie], is_refusal(result) && library.n == 99);
		close(fd);
		free(image.bytes);
	}
}

/* Reads it in a child of its own: it neither dies, nor hangs, nor takes much memory. The child's exit status. */
static int read_bounded(const char *name, const struct elf_image *image, size_t length)
{
	int fd = image_open(image, length), status;
	pid_t child = fork();
	struct rusage usage;

	if (!child) {
		struct library library;

		alarm(SECONDS);
		_exit(library_read(fd, &library) ? 1 : 0);
	}
	assert_int_equal(wait4(child, &status, 0, &usage), child);
	close(fd);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		fail_msg("%s: not read in %d seconds", name, SECONDS);
	if (!WIFEXITED(status))
		fail_msg("%s: died of signal %d", name, WTERMSIG(status));
	if (usage.ru_maxrss > MOST_KIB)
		fail_msg("%s: took %ld MiB", name, usage.ru_maxrss / 1024);
	return WEXITSTATUS(status);
}

static void a_sparse_file_is_not_read_whole(void **state)
{
	struct elf_image zeros = { .size = 0, .bytes = NULL }, libc = libc_image();

	(void)state;
	assert_int_equal(read_bounded("zeros", &zeros, 1024 * MIB), 1);
	assert_int_equal(read_bounded("libc and a hole", &libc, 1024 * MIB), 0);
	free(libc.bytes);
}

static void a_table_of_names_as_large_as_the_file_is_not_loaded(void **state)
{
	struct elf_image image = libc_image();

	(void)state;
	image_dynstr(&image)->sh_size = 1024 * MIB - image_dynstr(&image)->sh_offset;
	read_bounded("names of 1 GiB", &image, 1024 * MIB);
	free(image.bytes);
}

static void symbols_as_large_as_the_file_are_not_loaded(void **state)
{
	struct elf_image image = libc_image();

	(void)state;
	image_dynsym(&image)->sh_size = 960 * MIB;
	assert_int_equal(read_bounded("symbols of 960 MiB", &image, 1024 * MIB), 1);
	free(image.bytes);
}

/* More room behind the end, zeroed. */
static void grow(struct elf_image *image, size_t size)
{
	image->bytes = realloc(image->bytes, size);
	memset(image->bytes + image->size, 0, size - image->size);
	image->size = size;
}

static void many_sections_of_constants_are_not_all_loaded(void **state)
{
	enum { EXTRA = 64 };
	struct elf_image image = libc_image();
	size_t old_size = image.size, old_number = image.header->e_shnum;
	Elf64_Shdr *sections;
	char *banner;

	(void)state;
	banner = memmem(image.bytes, image.size, " release version ", 17);
	banner[1] = 'R'; /* else the search would end early */
	grow(&image, old_size + (old_number + EXTRA) * sizeof(*sections) + 64);
	sections = (Elf64_Shdr *)(image.bytes + (old_size + 63) / 64 * 64);
	memcpy(sections, image_sections(&image), old_number * sizeof(*sections));
	for (size_t i = 0; i < EXTRA; i++)
		sections[old_number + i] = (Elf64_Shdr){ .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC, .sh_size = 16 * MIB,
							 .sh_offset = old_size, .sh_addralign = 1 };
	image.header->e_shoff = (Elf64_Off)((char *)sections - image.bytes);
	image.header->e_shnum = (Elf64_Half)(old_number + EXTRA);
	read_bounded("64 sections of 16 MiB", &image, image.size + 16 * MIB);
	free(image.bytes);
}

static void names_without_an_end_do_not_take_for_ever(void **state)
{
	const size_t symbol_bytes = 4 * MIB / sizeof(Elf64_Sym) * sizeof(Elf64_Sym), name_bytes = 16 * MIB;
	struct elf_image image = libc_image();
	size_t at = (image.size + 7) / 8 * 8;
	Elf64_Shdr *dynsym, *dynstr;

	(void)state;
	grow(&image, at + symbol_bytes + name_bytes);
	for (size_t i = 0; i < symbol_bytes; i += sizeof(Elf64_Sym))
		memcpy(image.bytes + at + i, &(Elf64_Sym){ .st_name = 1, .st_shndx = 1, .st_info = STT_FUNC }, sizeof(Elf64_Sym));
	memset(image.bytes + at + symbol_bytes, 'A', name_bytes);
	dynsym = image_dynsym(&image);
	dynstr = image_dynstr(&image);
	dynsym->sh_offset = at;
	dynsym->sh_size = symbol_bytes;
	dynstr->sh_offset = at + symbol_bytes;
	dynstr->sh_size = name_bytes;
	assert_int_equal(read_bounded("names without an end", &image, image.size), 1);
	free(image.bytes);
}

/* The same disturbances each time. */
static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005U + 1442695040888963407U;
	return *state >> 33;
}

/* Puts odd values into the headers of the file, segments and sections, reads, and puts back what was there. */
static int disturb(int fd, const struct elf_image *image, uint64_t random)
{
	static const uint64_t odd[] = { 0, 1, 2, 7, 0xff, 0xffff, 0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX, UINT64_MAX - 0xfff };

	for (int round = 0; round < 3000; round++) {
		const uint64_t value = odd[next_random(&random) % COUNT_OF(odd)];
		const size_t tables[] = { 0, image->header->e_phoff, image->header->e_shoff };
		const size_t sizes[] = { sizeof(Elf64_Ehdr), image->header->e_phnum * sizeof(Elf64_Phdr),
					 image->header->e_shnum * sizeof(Elf64_Shdr) };
		size_t table = next_random(&random) % 3, width = 1UL << (next_random(&random) % 4);
		size_t at = tables[table] + next_random(&random) % (sizes[table] / width) * width;
		struct library library = { .n = 0 };
		int result;

		if (pwrite(fd, &value, width, (off_t)at) != (ssize_t)width)
			return 2;
		result = library_read(fd, &library);
		if ((result && !is_refusal(result)) || library.n > FAMILY_MAX || !memchr(library.name, 0, sizeof(library.name)))
			return 3;
		if (pwrite(fd, image->bytes + at, width, (off_t)at) != (ssize_t)width)
			return 2;
	}
	return 0;
}

static bool is_of_family(const char *name)
{
	for (const struct family_function *function = family; function->symbol; function++)
		if (!strcmp(function->symbol, name) && family_has(function, MEMGAP_GLIBC))
			return true;
	return false;
}

/* Writes into each function of the family a jump (JMP rel32) to the one before, into the first one to the last. */
static void make_circle(const struct elf_image *image)
{
	const Elf64_Shdr *dynsym = image_dynsym(image);
	const Elf64_Sym *symbols = (const Elf64_Sym *)(image->bytes + dynsym->sh_offset);
	uint64_t before = image_symbol(image, "malloc")->st_value, first = before;

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < dynsym->sh_size / sizeof(*symbols); i++) {
			uint64_t at = symbols[i].st_value;
			int32_t distance = (int32_t)(before - at - 5);

			if (!is_of_family(image->bytes + image_dynstr(image)->sh_offset + symbols[i].st_name) || at == before ||
			    (round && at != first))
				continue;
			image->bytes[at] = (char)0xe9; /* code is in the file where it is in memory */
			memcpy(image->bytes + at + 1, &distance, sizeof(distance));
			before = at;
		}
}

static void functions_that_jump_in_a_circle_are_no_allocator(void **state)
{
	struct elf_image image = libc_image();
	struct library library = { .n = 99 };
	int fd;

	(void)state;
	make_circle(&image);
	fd = image_open(&image, image.size);
	assert_int_equal(library_read(fd, &library), -EOPNOTSUPP);
	assert_int_equal(library.n, 99);
	close(fd);
	free(image.bytes);
}

static void disturbed_headers_crash_nothing(void **state)
{
	struct elf_image image = libc_image();
	int fd = image_open(&image, image.size), status;
	pid_t child = fork();

	(void)state;
	if (!child) {
		alarm(600); /* valgrind and sanitizers take their time */
		_exit(disturb(fd, &image, 20260131));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("wait status %#x", status);
	close(fd);
	free(image.bytes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cut_copy_of_libc_is_refused),
		cmocka_unit_test(a_header_that_lies_is_refused),
		cmocka_unit_test(a_sparse_file_is_not_read_whole),
		cmocka_unit_test(a_table_of_names_as_large_as_the_file_is_not_loaded),
		cmocka_unit_test(symbols_as_large_as_the_file_are_not_loaded),
		cmocka_unit_test(many_sections_of_constants_are_not_all_loaded),
		cmocka_unit_test(names_without_an_end_do_not_take_for_ever),
		cmocka_unit_test(functions_that_jump_in_a_circle_are_no_allocator),
		cmocka_unit_test(disturbed_headers_crash_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
