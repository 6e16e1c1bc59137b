// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/library.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/allocator/code.h"
#include "user/allocator/family.h"
#include "user/allocator/version.h"
#include "user/memory/elf_file.h"

#define PREFIX_MAX 16

/* What is found out on the way. */
struct reading {
	struct elf_file *file;
	struct library *library;
	size_t prefix_length; /* of the allocator's names */
	char prefix[PREFIX_MAX];
	bool is_loader;       /* glibc's ld.so has a malloc family for itself (before 2.32) */
	uint64_t version_offset;
};

/*
 * What shows whose functions they are: a symbol that only this allocator has. What stands before it stands before all its names:
 * je_mallctl, _rjem_mallctl.
 */
static const struct mark {
	const char *symbol;
	enum memgap_allocator allocator;
	bool prefixed, in_static; /* only the program that it is linked into shows it */
} marks[] = {
	{ "mallctl", MEMGAP_JEMALLOC, true, false },
	{ "tc_version", MEMGAP_TCMALLOC, false, false },
	{ "mi_version", MEMGAP_MIMALLOC, false, false },
	{ "gnu_get_libc_version", MEMGAP_GLIBC, false, false },
	{ "main_arena", MEMGAP_GLIBC, false, true },           /* malloc/malloc.c */
	{ "__malloc_alloc_meta", MEMGAP_MUSL, false, true }, /* src/malloc/mallocng/glue.h */
};

/* An allocator beside the libc's is the one that the program was linked with it for. */
static bool goes_before(enum memgap_allocator a, enum memgap_allocator b)
{
	return !b || (memgap_is_remembered(a) && !memgap_is_remembered(b));
}

static void take_mark(struct reading *reading, const char *name, bool from_symtab)
{
	struct library *library = reading->library;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		const struct mark *mark = &marks[i];
		size_t length = strlen(name), own = strlen(mark->symbol), before = length - own;

		if (length < own || strcmp(name + before, mark->symbol) || (before && !mark->prefixed) || before >= PREFIX_MAX ||
		    (mark->in_static && !from_symtab) || !goes_before(mark->allocator, library->allocator))
			continue;
		library->allocator = mark->allocator;
		library->is_static = mark->in_static;
		reading->prefix_length = before;
		memcpy(reading->prefix, name, before);
	}
}

static void add_function(struct library *library, const struct family_function *f, uint64_t offset, uint64_t size)
{
	for (size_t i = 0; i < library->n; i++)
		if (library->functions[i].offset == offset)
			return; /* an alias: memalign and aligned_alloc up to glibc 2.37 */
	if (library->n < FAMILY_MAX)
		library->functions[library->n++] =
			(struct library_function){ .symbol = f->symbol, .offset = offset, .size = size, .call = f->call,
						   .ends_at_exits = f->whose == FAMILY_THROWING };
}

/* The name without what this allocator's names begin with; NULL for another's. */
static const char *base_name(const struct reading *reading, const char *name)
{
	if (reading->prefix_length)
		return strncmp(name, reading->prefix, reading->prefix_length) ? NULL : name + reading->prefix_length;
	if (reading->library->allocator == MEMGAP_TCMALLOC && !strncmp(name, "tc_", 3))
		return name + 3;
	if (reading->library->allocator == MEMGAP_MIMALLOC && !strncmp(name, "mi_", 3))
		return name + 3;
	return name;
}

static void take_function(struct reading *reading, const char *name, const GElf_Sym *symbol)
{
	const char *base = base_name(reading, name);
	struct library *library = reading->library;
	uint64_t offset;

	/* an IFUNC's symbol is its resolver, not the function */
	if (!base || GELF_ST_TYPE(symbol->st_info) != STT_FUNC)
		return;
	/* a local one is not what others call; but static linking may make a libc's functions local */
	if (GELF_ST_BIND(symbol->st_info) == STB_LOCAL && !library->is_static)
		return;
	for (const struct family_function *f = family; f->symbol; f++)
		if (!strcmp(base, f->symbol) && family_has(f, library->allocator) &&
		    !elf_file_offset(reading->file, symbol->st_value, &offset))
			add_function(library, f, offset, symbol->st_size);
	if (!strcmp(name, "mi_version") && !elf_file_offset(reading->file, symbol->st_value, &offset))
		reading->version_offset = offset;
}

/* The thread's end in glibc's malloc.c, by the names it has had; local symbols both. */
static void take_thread_end(struct reading *reading, const char *name, const GElf_Sym *symbol)
{
	struct library *library = reading->library;

	if (strcmp(name, "__malloc_arena_thread_freeres") && strcmp(name, "tcache_thread_shutdown"))
		return;
	if (!elf_file_offset(reading->file, symbol->st_value, &library->thread_end_offset))
		library->thread_end_size = symbol->st_size;
}

enum pass { MARKS, FUNCTIONS };

static void take_symbols(struct reading *reading, enum pass pass, uint32_t type)
{
	struct elf_symbols symbols;

	if (elf_file_symbols(reading->file, type, &symbols))
		return;
	for (size_t i = 0; i < symbols.n; i++) {
		GElf_Sym symbol;
		const char *name = elf_symbol(&symbols, i, &symbol);

		if (!name)
			continue;
		if (pass == MARKS) {
			reading->is_loader |= !strcmp(name, "_rtld_global") && type == SHT_DYNSYM;
			take_mark(reading, name, type == SHT_SYMTAB);
			continue;
		}
		take_function(reading, name, &symbol);
		if (reading->library->is_static)
			take_thread_end(reading, name, &symbol);
	}
}

static bool has_malloc_and_free(const struct library *library)
{
	bool allocates = false, frees = false;

	for (size_t i = 0; i < library->n; i++) {
		allocates |= library->functions[i].call < MEMGAP_CALL_FREE;
		frees |= library->functions[i].call == MEMGAP_CALL_FREE;
	}
	return allocates && frees;
}

/* The symbol table goes first: what a program is linked with is named there, and what it exports as well. */
static int find_functions(struct reading *reading)
{
	struct library *library = reading->library;

	take_symbols(reading, MARKS, SHT_SYMTAB);
	take_symbols(reading, MARKS, SHT_DYNSYM);
	if (reading->is_loader)
		return -ENOENT;
	take_symbols(reading, FUNCTIONS, SHT_DYNSYM);
	take_symbols(reading, FUNCTIONS, SHT_SYMTAB);
	if (!has_malloc_and_free(library))
		return -ENOENT;
	if (!library->allocator && version_is_musl(reading->file))
		library->allocator = MEMGAP_MUSL;
	return library->allocator ? 0 : -EOPNOTSUPP;
}

/* Older ones than 1.2.1 have another malloc. A static program's version is not known, but its functions' names are mallocng's. */
static bool is_known_musl(const struct library *library, const struct version *version)
{
	return library->is_static || version->major > 1 ||
	       (version->major == 1 && (version->minor > 2 || (version->minor == 2 && version->patch >= 1)));
}

/*
 * As measured on the packaged versions: jemalloc 5.3.0 and 5.3.1 (which has "disable_large_size_classes" on), mimalloc
 * 2.0.9, 3.0.1 and 3.6.0; of any other version that is taken which comes before it.
 */
static void describe_classes(struct library *library, const struct version *version)
{
	bool new_jemalloc = version->major > 5 || (version->major == 5 && (version->minor > 3 ||
			    (version->minor == 3 && version->patch >= 1)));

	library->above = MEMGAP_ABOVE_NEVER;
	if (library->allocator == MEMGAP_JEMALLOC && new_jemalloc) {
		library->above = MEMGAP_ABOVE_PAGES;
		library->class_max = MEMGAP_CLASSES_OF_ALL;
	} else if (library->allocator == MEMGAP_MIMALLOC) {
		library->above = version->major >= 3 ? MEMGAP_ABOVE_COARSE : MEMGAP_ABOVE_COARSE_SEGMENTS;
		library->class_max = version->major < 3 ? 128 << 10 : version->minor ? 512 << 10 : 1 << 20;
	}
}

/*
 * Of glibc's malloc() the block's header tells all, and it calls nobody of the family, whereas others may end in it; so a
 * probe at its entry can be saved. Before 2.34 it may have gone through a hook, to itself.
 */
static void spare_entry(struct library *library, const struct version *version)
{
	for (size_t i = 0; i < library->n; i++)
		library->functions[i].return_alone = library->allocator == MEMGAP_GLIBC && !strcmp(library->functions[i].symbol, "malloc") &&
						     (version->major > 2 || (version->major == 2 && version->minor >= 34));
}

static int identify(struct reading *reading)
{
	static const char *const names[] = { [MEMGAP_GLIBC] = "glibc", [MEMGAP_MUSL] = "musl", [MEMGAP_JEMALLOC] = "jemalloc",
					     [MEMGAP_TCMALLOC] = "tcmalloc", [MEMGAP_MIMALLOC] = "mimalloc" };
	struct library *library = reading->library;
	struct version version = version_read(reading->file, library->allocator, reading->version_offset);
	const char *name = names[library->allocator];

	if (library->allocator == MEMGAP_MUSL && !is_known_musl(library, &version))
		return -EOPNOTSUPP;
	if (!version.major)
		snprintf(library->name, sizeof(library->name), "%s", name);
	else if (library->allocator == MEMGAP_GLIBC || library->allocator == MEMGAP_TCMALLOC)
		snprintf(library->name, sizeof(library->name), "%s %u.%u", name, version.major, version.minor);
	else
		snprintf(library->name, sizeof(library->name), "%s %u.%u.%u", name, version.major, version.minor, version.patch);
	describe_classes(library, &version);
	spare_entry(library, &version);
	library->free_restarts = library->allocator == MEMGAP_GLIBC &&
				 (!version.major || version.major > 2 || (version.major == 2 && version.minor >= 43));
	return 0;
}

/* A function that may throw is only probed where it can be told how it ends otherwise. */
static int find_exits(struct elf_file *file, struct library *library)
{
	size_t n = 0;

	for (size_t i = 0; i < library->n; i++) {
		struct library_function *function = &library->functions[i];
		int result = function->ends_at_exits ? exits_add(file, function->offset, false, &library->exits) : 0;

		if (result == -ENOMEM)
			return result;
		if (result)
			library->unsafe = function->symbol;
		else
			library->functions[n++] = *function;
	}
	library->n = n;
	return 0;
}

int library_read(int fd, struct library *ret)
{
	struct library library = { 0 };
	struct reading reading = { .library = &library };
	struct elf_file file;
	int result = elf_file_open(fd, &file);

	if (result)
		return result;
	reading.file = &file;
	result = find_functions(&reading);
	if (!result)
		result = identify(&reading);
	if (!result)
		result = code_drop_forwarders(&file, &library);
	if (!result)
		result = find_exits(&file, &library);
	/* each is nothing but a jump to another */
	if (!result && !library.n)
		result = -EOPNOTSUPP;
	if (!result)
		result = code_read(&file, &library);
	library.checks_always = library.n_internal_frees && !library_find(&library, FAMILY_THREAD_END);
	elf_file_close(&file);
	if (!result)
		*ret = library;
	return result;
}

int library_use_exits(int fd, struct library *library)
{
	struct library changed = *library;
	struct elf_file file;
	int result = elf_file_open(fd, &file);

	if (result)
		return -EOPNOTSUPP;
	for (size_t i = 0; !result && i < changed.n; i++) {
		struct library_function *function = &changed.functions[i];

		if (function->call >= MEMGAP_CALL_FREE || function->ends_at_exits)
			continue;
		result = exits_add(&file, function->offset, library->allocator == MEMGAP_GLIBC && !strcmp(function->symbol, "calloc"),
				   &changed.exits);
		function->ends_at_exits = true;
		function->return_alone = false;
	}
	elf_file_close(&file);
	if (!result)
		*library = changed;
	return result;
}

const struct library_function *library_find(const struct library *library, const char *symbol)
{
	for (size_t i = 0; i < library->n; i++)
		if (!strcmp(library->functions[i].symbol, symbol))
			return &library->functions[i];
	return NULL;
}
