// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/library.h"

#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/allocator/family.h"

/* Bounds for what a file may claim; far above any real library. */
#define MAX_SECTIONS 1024
#define MAX_SEGMENTS 64
#define MAX_LOADED_BYTES (96U << 20) /* of all sections together */

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#endif

struct image {
	int fd;
	Elf *elf;
	GElf_Ehdr header;
	uint64_t loaded; /* bytes of sections so far */
};

/* libelf believes e_shnum and e_phnum; a lie there would have it allocate without bound. */
static bool is_sound(int fd)
{
	Elf64_Ehdr h;

	return pread(fd, &h, sizeof(h), 0) == sizeof(h) && !memcmp(h.e_ident, ELFMAG, SELFMAG) &&
	       h.e_ident[EI_CLASS] == ELFCLASS64 && h.e_ident[EI_DATA] == ELFDATA2LSB && h.e_machine == MACHINE &&
	       (h.e_type == ET_DYN || h.e_type == ET_EXEC) && h.e_phnum <= MAX_SEGMENTS &&
	       h.e_shnum <= MAX_SECTIONS && (h.e_shnum || !h.e_shoff);
}

/* Where in the file an address of an executable segment is. */
static int file_offset(const struct image *image, uint64_t address, uint64_t *ret_offset)
{
	for (int i = 0; i < image->header.e_phnum; i++) {
		GElf_Phdr segment;

		if (!gelf_getphdr(image->elf, i, &segment))
			return -ENOEXEC;
		if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X) || address < segment.p_vaddr ||
		    address - segment.p_vaddr >= segment.p_filesz)
			continue;
		*ret_offset = address - segment.p_vaddr + segment.p_offset;
		return 0;
	}
	return -ENOENT;
}

/* A section's bytes; NULL when it has none in the file, or more than the bound leaves. */
static Elf_Data *load_section(struct image *image, Elf_Scn *section)
{
	GElf_Shdr header;
	Elf_Data *data;

	if (!section || !gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS ||
	    header.sh_size > MAX_LOADED_BYTES - image->loaded)
		return NULL;
	image->loaded += header.sh_size;
	data = elf_getdata(section, NULL);
	return data && data->d_buf && data->d_size ? data : NULL;
}

/* The dynamic symbols, and the table of their names: one that ends as it must, so that every name in it does. */
static Elf_Data *dynamic_symbols(struct image *image, Elf_Data **ret_names)
{
	for (Elf_Scn *section = NULL; (section = elf_nextscn(image->elf, section));) {
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNSYM)
			continue;
		*ret_names = load_section(image, elf_getscn(image->elf, header.sh_link));
		if (!*ret_names || ((const char *)(*ret_names)->d_buf)[(*ret_names)->d_size - 1])
			return NULL;
		return header.sh_entsize == sizeof(Elf64_Sym) ? load_section(image, section) : NULL;
	}
	return NULL;
}

static void add_function(struct library *library, uint64_t offset, unsigned int call)
{
	for (size_t i = 0; i < library->n; i++)
		if (library->functions[i].offset == offset)
			return; /* an alias: memalign and aligned_alloc up to glibc 2.37 */
	if (library->n < FAMILY_MAX)
		library->functions[library->n++] = (struct library_function){ offset, call };
}

/*
 * Whether a function is nothing but a jump: free_sized() and free_aligned_sized() of glibc 2.43 forward to free(), where
 * they are counted already.
 */
static bool is_forwarder(const struct image *image, uint64_t offset)
{
#if defined(__x86_64__)
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	uint8_t code[5];

	if (pread(image->fd, code, sizeof(code), (off_t)offset) != sizeof(code))
		return false;
	return code[0] == 0xe9 || (!memcmp(code, endbr64, sizeof(endbr64)) && code[4] == 0xe9); /* JMP rel32 */
#else
	(void)image;
	(void)offset;
	return false;
#endif
}

static void take_symbol(const struct image *image, const char *name, const GElf_Sym *symbol, struct library *library)
{
	uint64_t offset;

	for (const struct family_function *f = family; f->symbol; f++) {
		/* an IFUNC's symbol is its resolver, not the function */
		if (strcmp(name, f->symbol) || GELF_ST_TYPE(symbol->st_info) != STT_FUNC)
			continue;
		if (file_offset(image, symbol->st_value, &offset) || is_forwarder(image, offset))
			continue;
		add_function(library, offset, f->call);
		if (!strcmp(name, "free"))
			library->free_offset = offset;
	}
}

/* Collects the malloc family; whether the library says of itself that it is the GNU one. */
static bool collect_functions(struct image *image, struct library *library)
{
	Elf_Data *names, *data = dynamic_symbols(image, &names);
	bool is_glibc = false;

	for (size_t i = 0; data && i < data->d_size / sizeof(Elf64_Sym); i++) {
		GElf_Sym symbol;
		const char *name;

		if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF || symbol.st_name >= names->d_size)
			continue;
		name = (const char *)names->d_buf + symbol.st_name;
		is_glibc |= !strcmp(name, "gnu_get_libc_version");
		take_symbol(image, name, &symbol, library);
	}
	return is_glibc;
}

/*
 * The version is in the banner that every glibc has among its constants (csu/version.c): "GNU C Library
 * (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36."
 */
static void read_version(struct image *image, struct library *library)
{
	static const char before[] = " release version ";

	strcpy(library->name, "glibc");
	for (Elf_Scn *section = NULL; (section = elf_nextscn(image->elf, section));) {
		GElf_Shdr header;
		Elf_Data *data;
		const char *found;
		char text[16] = "";
		unsigned int major, minor;
		size_t left;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_PROGBITS ||
		    (header.sh_flags & (SHF_WRITE | SHF_EXECINSTR)))
			continue;
		data = load_section(image, section);
		found = data ? memmem(data->d_buf, data->d_size, before, sizeof(before) - 1) : NULL;
		if (!found)
			continue;
		found += sizeof(before) - 1;
		left = data->d_size - (size_t)(found - (const char *)data->d_buf);
		memcpy(text, found, left < sizeof(text) ? left : sizeof(text) - 1);
		if (sscanf(text, "%u.%u", &major, &minor) == 2)
			snprintf(library->name, sizeof(library->name), "glibc %u.%u", major, minor);
		return;
	}
}

#if defined(__x86_64__)
#define CALL_BYTES 5 /* e8, then the distance from the next instruction: Intel SDM, CALL rel32 */

/*
 * Bytes in the middle of an instruction may look like a call too; that does no harm, since no call ever returns
 * there.
 */
static void scan_code(const uint8_t *code, size_t size, uint64_t offset, struct library *library)
{
	for (size_t i = 0; i + CALL_BYTES <= size; i++) {
		uint64_t next = offset + i + CALL_BYTES;
		int32_t distance;

		if (code[i] != 0xe8)
			continue;
		memcpy(&distance, &code[i + 1], sizeof(distance));
		if (next + (uint64_t)(int64_t)distance != library->free_offset)
			continue;
		if (library->n_internal_frees < MEMGAP_INTERNAL_FREES)
			library->internal_frees[library->n_internal_frees++] = -distance;
	}
}

/* Offsets in the file serve as addresses: what calls and what is called are in the same segment. */
static void find_internal_frees(struct image *image, struct library *library)
{
	for (Elf_Scn *section = NULL; (section = elf_nextscn(image->elf, section));) {
		GElf_Shdr header;
		Elf_Data *data;
		uint64_t offset;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_PROGBITS ||
		    !(header.sh_flags & SHF_EXECINSTR))
			continue;
		data = load_section(image, section);
		if (data && !file_offset(image, header.sh_addr, &offset))
			scan_code(data->d_buf, data->d_size, offset, library);
	}
}
#else
static void find_internal_frees(struct image *image, struct library *library)
{
	(void)image;
	(void)library;
}
#endif

static bool has_malloc_and_free(const struct library *library)
{
	bool allocates = false, frees = false;

	for (size_t i = 0; i < library->n; i++) {
		allocates |= library->functions[i].call == MEMGAP_CALL_RESULT;
		frees |= library->functions[i].call == FAMILY_FREE;
	}
	return allocates && frees;
}

int library_read(int fd, struct library *ret)
{
	struct image image = { .fd = fd };
	struct library library = { 0 };
	int result = -ENOENT;

	if (!is_sound(fd) || elf_version(EV_CURRENT) == EV_NONE)
		return -ENOEXEC;
	image.elf = elf_begin(fd, ELF_C_READ, NULL); /* not mapped: a file cut short must not raise SIGBUS */
	if (!image.elf || !gelf_getehdr(image.elf, &image.header)) {
		elf_end(image.elf);
		return -ENOEXEC;
	}
	if (collect_functions(&image, &library) && has_malloc_and_free(&library)) {
		read_version(&image, &library);
		find_internal_frees(&image, &library);
		*ret = library;
		result = 0;
	}
	elf_end(image.elf);
	return result;
}
