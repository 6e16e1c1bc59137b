// SPDX-License-Identifier: GPL-2.0-only
#include "user/memory/elf_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* Bounds for what a file may claim; far above any real library. */
#define MAX_SECTIONS 1024
#define MAX_SEGMENTS 64
#define MAX_LOADED_BYTES (96U << 20) /* of all sections together */

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#endif

/* libelf believes e_shnum and e_phnum; a lie there would have it allocate without bound. */
static bool is_sound(int fd)
{
	Elf64_Ehdr h;

	return pread(fd, &h, sizeof(h), 0) == sizeof(h) && !memcmp(h.e_ident, ELFMAG, SELFMAG) &&
	       h.e_ident[EI_CLASS] == ELFCLASS64 && h.e_ident[EI_DATA] == ELFDATA2LSB && h.e_machine == MACHINE &&
	       (h.e_type == ET_DYN || h.e_type == ET_EXEC) && h.e_phnum <= MAX_SEGMENTS &&
	       h.e_shnum <= MAX_SECTIONS && (h.e_shnum || !h.e_shoff);
}

int elf_file_open(int fd, struct elf_file *ret)
{
	struct elf_file file = { .fd = fd };

	if (!is_sound(fd) || elf_version(EV_CURRENT) == EV_NONE)
		return -ENOEXEC;
	file.elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!file.elf || !gelf_getehdr(file.elf, &file.header)) {
		elf_end(file.elf);
		return -ENOEXEC;
	}
	*ret = file;
	return 0;
}

void elf_file_close(struct elf_file *file)
{
	elf_end(file->elf);
	file->elf = NULL;
}

Elf_Data *elf_file_load(struct elf_file *file, Elf_Scn *section)
{
	GElf_Shdr header;
	Elf_Data *data;

	if (!section || !gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS ||
	    header.sh_size > MAX_LOADED_BYTES - file->loaded)
		return NULL;
	file->loaded += header.sh_size;
	data = elf_getdata(section, NULL);
	return data && data->d_buf && data->d_size ? data : NULL;
}

static Elf_Data *load_section_names(struct elf_file *file)
{
	size_t index;

	if (!file->section_names && !elf_getshdrstrndx(file->elf, &index))
		file->section_names = elf_file_load(file, elf_getscn(file->elf, index));
	return file->section_names;
}

Elf_Scn *elf_file_section(struct elf_file *file, const char *name, GElf_Shdr *ret)
{
	Elf_Data *names = load_section_names(file);
	size_t length = strlen(name) + 1;

	for (Elf_Scn *section = NULL; names && (section = elf_nextscn(file->elf, section));)
		if (gelf_getshdr(section, ret) && ret->sh_name < names->d_size && names->d_size - ret->sh_name >= length &&
		    !memcmp((const char *)names->d_buf + ret->sh_name, name, length))
			return section;
	return NULL;
}

static int load_symbols(struct elf_file *file, Elf_Scn *section, const GElf_Shdr *header, struct elf_symbols *ret)
{
	struct elf_symbols symbols = { 0 };

	if (header->sh_entsize != sizeof(Elf64_Sym))
		return -ENOENT;
	symbols.names = elf_file_load(file, elf_getscn(file->elf, header->sh_link));
	if (!symbols.names || ((const char *)symbols.names->d_buf)[symbols.names->d_size - 1])
		return -ENOENT;
	symbols.data = elf_file_load(file, section);
	if (!symbols.data)
		return -ENOENT;
	symbols.n = symbols.data->d_size / sizeof(Elf64_Sym);
	*ret = symbols;
	return 0;
}

int elf_file_symbols(struct elf_file *file, uint32_t type, struct elf_symbols *ret)
{
	for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
		GElf_Shdr header;

		if (gelf_getshdr(section, &header) && header.sh_type == type)
			return load_symbols(file, section, &header, ret);
	}
	return -ENOENT;
}

const char *elf_symbol(const struct elf_symbols *symbols, size_t i, GElf_Sym *ret)
{
	if (!gelf_getsym(symbols->data, (int)i, ret) || ret->st_shndx == SHN_UNDEF || ret->st_name >= symbols->names->d_size)
		return NULL;
	return (const char *)symbols->names->d_buf + ret->st_name;
}

int elf_file_offset(const struct elf_file *file, uint64_t address, uint64_t *ret_offset)
{
	for (int i = 0; i < file->header.e_phnum; i++) {
		GElf_Phdr segment;

		if (!gelf_getphdr(file->elf, i, &segment))
			return -ENOENT;
		if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X) || address < segment.p_vaddr ||
		    address - segment.p_vaddr >= segment.p_filesz)
			continue;
		*ret_offset = address - segment.p_vaddr + segment.p_offset;
		return 0;
	}
	return -ENOENT;
}
