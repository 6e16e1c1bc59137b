// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/library.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "user/allocator/code.h"
#include "user/allocator/elf_file.h"
#include "user/allocator/family.h"

static void add_function(struct library *library, uint64_t offset, uint64_t size, const struct family_function *f)
{
	for (size_t i = 0; i < library->n; i++)
		if (library->functions[i].offset == offset)
			return; /* an alias: memalign and aligned_alloc up to glibc 2.37 */
	if (library->n < FAMILY_MAX)
		library->functions[library->n++] =
			(struct library_function){ .symbol = f->symbol, .offset = offset, .size = size, .call = f->call };
}

static void take_symbol(const struct elf_file *file, const char *name, const GElf_Sym *symbol, struct library *library)
{
	uint64_t offset;

	for (const struct family_function *f = family; f->symbol; f++) {
		/* an IFUNC's symbol is its resolver, not the function */
		if (strcmp(name, f->symbol) || GELF_ST_TYPE(symbol->st_info) != STT_FUNC)
			continue;
		if (elf_file_offset(file, symbol->st_value, &offset) || code_is_forwarder(file, offset))
			continue;
		add_function(library, offset, symbol->st_size, f);
		if (!strcmp(name, "free"))
			library->free_offset = offset;
	}
}

/* Collects the malloc family, and what shows whose it is. The loader has one for itself (before glibc 2.32). */
enum maker { NOBODY, GLIBC, DYNAMIC_LOADER };

static enum maker collect_functions(struct elf_file *file, struct library *library)
{
	struct elf_symbols symbols;
	enum maker maker = NOBODY;

	if (elf_file_symbols(file, SHT_DYNSYM, &symbols))
		return NOBODY;
	for (size_t i = 0; i < symbols.n; i++) {
		GElf_Sym symbol;
		const char *name = elf_symbol(&symbols, i, &symbol);

		if (!name)
			continue;
		if (!strcmp(name, "gnu_get_libc_version"))
			maker = GLIBC;
		if (!strcmp(name, "_rtld_global"))
			maker = DYNAMIC_LOADER;
		take_symbol(file, name, &symbol, library);
	}
	return maker;
}

/*
 * The version is in the banner that every glibc has among its constants (csu/version.c): "GNU C Library
 * (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36."
 */
static void read_version(struct elf_file *file, struct library *library)
{
	static const char before[] = " release version ";

	strcpy(library->name, "glibc");
	for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
		GElf_Shdr header;
		Elf_Data *data;
		const char *found;
		char text[16] = "";
		unsigned int major, minor;
		size_t left;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_PROGBITS ||
		    (header.sh_flags & (SHF_WRITE | SHF_EXECINSTR)))
			continue;
		data = elf_file_load(file, section);
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
	struct library library = { 0 };
	struct elf_file file;
	enum maker maker;
	int result = elf_file_open(fd, &file);

	if (result)
		return result;
	maker = collect_functions(&file, &library);
	if (!has_malloc_and_free(&library) || maker == DYNAMIC_LOADER) {
		result = -ENOENT;
	} else if (maker == GLIBC) {
		read_version(&file, &library);
		result = code_read(&file, &library);
	} else {
		result = -EOPNOTSUPP;
	}
	elf_file_close(&file);
	if (!result)
		*ret = library;
	return result;
}
