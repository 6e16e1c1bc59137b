// SPDX-License-Identifier: GPL-2.0-only
#include "tests/proof/named.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/allocator/code.h"
#include "user/allocator/family.h"
#include "user/memory/elf_file.h"

static const struct family_function *find(const char *name)
{
	for (const struct family_function *f = family; f->symbol; f++)
		if (!strcmp(f->symbol, name))
			return f;
	return NULL;
}

static int open_symbols(int fd, struct elf_file *file, struct elf_symbols *symbols)
{
	int result = elf_file_open(fd, file);

	if (result)
		return result;
	result = elf_file_symbols(file, SHT_DYNSYM, symbols);
	if (result)
		result = elf_file_symbols(file, SHT_SYMTAB, symbols);
	if (result)
		elf_file_close(file);
	return result;
}

/* A function with another name that is there already is not taken twice. */
static int add(struct library *library, const struct library_function *function)
{
	for (size_t i = 0; i < library->n; i++)
		if (library->functions[i].offset == function->offset)
			return 0;
	if (library->n == FAMILY_MAX)
		return -E2BIG;
	library->functions[library->n++] = *function;
	return 0;
}

static int add_all(const struct elf_file *file, const struct elf_symbols *symbols, struct library *library)
{
	int result = 0;

	for (size_t i = 0; !result && i < symbols->n; i++) {
		struct library_function function = { 0 };
		const struct family_function *found;
		GElf_Sym symbol;
		const char *name = elf_symbol(symbols, i, &symbol);

		found = name ? find(name) : NULL;
		if (!found || GELF_ST_TYPE(symbol.st_info) != STT_FUNC || elf_file_offset(file, symbol.st_value, &function.offset))
			continue;
		function.symbol = found->symbol;
		function.size = symbol.st_size;
		function.call = found->call;
		result = add(library, &function);
	}
	return result;
}

int named_read(int fd, struct library *ret)
{
	struct elf_symbols symbols;
	struct elf_file file;
	int result = open_symbols(fd, &file, &symbols);

	if (result)
		return result;
	/* as for one whose blocks are remembered: all arguments must be known */
	*ret = (struct library){ .allocator = MEMGAP_JEMALLOC };
	result = add_all(&file, &symbols, ret);
	if (!result)
		result = ret->n ? code_read(&file, ret) : -ENOENT;
	elf_file_close(&file);
	return result;
}

void named_at(int fd, uint64_t offset, char *ret, size_t size)
{
	struct elf_symbols symbols;
	struct elf_file file;
	size_t length = 0;

	*ret = 0;
	if (open_symbols(fd, &file, &symbols))
		return;
	for (size_t i = 0; i < symbols.n && length < size; i++) {
		GElf_Sym symbol;
		const char *name = elf_symbol(&symbols, i, &symbol);
		uint64_t at;

		if (name && GELF_ST_TYPE(symbol.st_info) == STT_FUNC && !elf_file_offset(&file, symbol.st_value, &at) && at == offset)
			length += (size_t)snprintf(ret + length, size - length, "%s%s", length ? "," : "", name);
	}
	elf_file_close(&file);
}
