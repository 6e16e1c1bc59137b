/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An ELF file that may be a container's and hostile, read with libelf: every size is bounded, and the file is read, not
 * mapped, so that one cut short raises no SIGBUS.
 */
#ifndef MEMGAP_MEMORY_ELF_FILE_H
#define MEMGAP_MEMORY_ELF_FILE_H

#include <gelf.h>
#include <libelf.h>
#include <stdint.h>

struct elf_file {
	int fd; /* the caller's */
	Elf *elf;
	GElf_Ehdr header;
	uint64_t loaded; /* bytes of sections so far */
	Elf_Data *section_names; /* NULL: not loaded yet, or there are none */
};

/* -ENOEXEC when it is not a sound 64-bit ELF file of this machine. elf_file_close() releases it. */
int elf_file_open(int fd, struct elf_file *ret);
void elf_file_close(struct elf_file *file);

/* A section's bytes, the file's own until it is closed; NULL when it has none, or more than the bound leaves. */
Elf_Data *elf_file_load(struct elf_file *file, Elf_Scn *section);

/* The first section of that name, or NULL. */
Elf_Scn *elf_file_section(struct elf_file *file, const char *name, GElf_Shdr *ret);

/* Symbols, and the table of their names: one that ends as it must, so that every name in it does. */
struct elf_symbols {
	Elf_Data *data, *names;
	size_t n;
};

/* Those of the first section of the type, SHT_DYNSYM or SHT_SYMTAB. -ENOENT when there is none that is sound. */
int elf_file_symbols(struct elf_file *file, uint32_t type, struct elf_symbols *ret);
/* The name of a symbol that is defined in the file; NULL for any other. */
const char *elf_symbol(const struct elf_symbols *symbols, size_t i, GElf_Sym *ret);

/* Where in the file an address of an executable segment is; -ENOENT. */
int elf_file_offset(const struct elf_file *file, uint64_t address, uint64_t *ret_offset);

#endif
