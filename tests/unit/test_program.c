// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "tests/unit/elf_image.h"
#include "user/allocator/program.h"

#define MAGIC "\xff Go buildinf:"

/* A small executable with what matters: a segment of code and one of data, and perhaps a loader. */
struct image {
	Elf64_Ehdr header;
	Elf64_Phdr segments[3];
	char data[256];
};

enum { CODE, DATA, LOADER };

static struct image make_image(void)
{
	struct image image = { .header = { .e_type = ET_EXEC, .e_version = EV_CURRENT, .e_phoff = offsetof(struct image, segments),
					   .e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2 } };
	struct elf_image libc = libc_image();

	memcpy(image.header.e_ident, libc.header->e_ident, EI_NIDENT);
	image.header.e_machine = libc.header->e_machine;
	free(libc.bytes);
	image.segments[CODE] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X };
	image.segments[DATA] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = offsetof(struct image, data),
					     .p_filesz = sizeof(image.data), .p_memsz = sizeof(image.data) };
	image.segments[LOADER] = (Elf64_Phdr){ .p_type = PT_INTERP };
	return image;
}

static struct program read_image(const struct image *image)
{
	struct program program = { .is_go = true };
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_int_equal(write(fd, image, sizeof(*image)), sizeof(*image));
	program_read(fd, &program);
	close(fd);
	return program;
}

static void a_program_is_static_unless_it_asks_for_a_loader(void **state)
{
	struct image image = make_image();
	struct program program = read_image(&image);

	(void)state;
	assert_true(program.known && program.is_static);
	assert_false(program.is_go || program.has_symbols);
	image.header.e_phnum = 3;
	program = read_image(&image);
	assert_true(program.known && !program.is_static);
}

static void the_go_linkers_mark_counts_in_writable_data_at_a_multiple_of_16(void **state)
{
	static const struct {
		const char *name;
		size_t at;
		uint32_t flags;
		bool is_go;
	} rows[] = {
		{ "at the start", 0, PF_R | PF_W, true },
		{ "further on", 160, PF_R | PF_W, true },
		{ "at the very end", sizeof(((struct image *)0)->data) - 16, PF_R | PF_W, true },
		{ "not aligned", 8, PF_R | PF_W, false },
		{ "among constants", 0, PF_R, false },
		{ "among code", 0, PF_R | PF_W | PF_X, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct image image = make_image();

		memcpy(image.data + rows[i].at, MAGIC, sizeof(MAGIC) - 1);
		image.segments[DATA].p_flags = rows[i].flags;
		check_row(rows[i].name, read_image(&image).is_go == rows[i].is_go);
	}
}

/* As Go itself looks for it first, wherever the linker has put it. */
static void the_go_linkers_section_counts(void **state)
{
	static const char names[] = "\0.go.buildinfo\0.shstrtab";
	struct image image = make_image();
	Elf64_Shdr sections[3] = {
		[1] = { .sh_name = 1, .sh_type = SHT_PROGBITS, .sh_offset = offsetof(struct image, data), .sh_size = 16 },
		[2] = { .sh_name = 15, .sh_type = SHT_STRTAB, .sh_offset = offsetof(struct image, data), .sh_size = sizeof(names) },
	};

	(void)state;
	image.header.e_shoff = offsetof(struct image, data) + 32;
	image.header.e_shentsize = sizeof(Elf64_Shdr);
	image.header.e_shnum = 3;
	image.header.e_shstrndx = 2;
	_Static_assert(32 + sizeof(sections) <= sizeof(image.data), "fits");
	memcpy(image.data, names, sizeof(names));
	memcpy(image.data + 32, sections, sizeof(sections));
	assert_true(read_image(&image).is_go);
	image.data[1] = ',';
	assert_false(read_image(&image).is_go);
	/* a name that the table cuts off is another one */
	image.data[1] = '.';
	((Elf64_Shdr *)(image.data + 32))[2].sh_size = 14;
	assert_false(read_image(&image).is_go);
}

static void sizes_that_lie_are_bounded(void **state)
{
	struct image image = make_image();

	(void)state;
	image.segments[DATA].p_filesz = UINT64_MAX;
	assert_false(read_image(&image).is_go);
	image.segments[DATA].p_offset = UINT64_MAX - 8;
	assert_false(read_image(&image).is_go);
	image.segments[DATA].p_offset = INT64_MAX;
	assert_false(read_image(&image).is_go);
}

static void this_test_is_a_dynamic_program_with_symbols_and_no_go(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct program program;

	(void)state;
	program_read(fd, &program);
	close(fd);
	assert_true(program.known && program.has_symbols);
	assert_false(program.is_static || program.is_go);
}

static void what_is_no_program_is_not_known(void **state)
{
	struct image image = make_image();
	struct program program = { .known = true };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	program_read(fd, &program);
	assert_false(program.known);
	close(fd);
	program.known = true;
	program_read(-1, &program);
	assert_false(program.known);
	image.header.e_machine = EM_386;
	assert_false(read_image(&image).known || read_image(&image).is_go);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_static_unless_it_asks_for_a_loader),
		cmocka_unit_test(the_go_linkers_mark_counts_in_writable_data_at_a_multiple_of_16),
		cmocka_unit_test(the_go_linkers_section_counts),
		cmocka_unit_test(sizes_that_lie_are_bounded),
		cmocka_unit_test(this_test_is_a_dynamic_program_with_symbols_and_no_go),
		cmocka_unit_test(what_is_no_program_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
