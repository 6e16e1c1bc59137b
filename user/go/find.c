// SPDX-License-Identifier: GPL-2.0-only
#include "user/go/find.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/go/calls.h"
#include "user/go/pclntab.h"
#include "user/memory/word.h"

/* More of a function, more of all of them is not looked at: Go's runtime has up to 4,000, of 0.7 MiB. */
#define MAX_FUNCTION_BYTES (64 * 1024)
#define MAX_FUNCTIONS 20000
#define MAX_CODE_BYTES (8U << 20)
#define MAX_METHODS 128    /* of one of the two; they have up to 30 */
#define MAX_CANDIDATES 64  /* addresses that may be the variable's */
#define LEAST_VOTES 2

/* From Go 1.26 on, the address of runtime.text is in the section .go.module: struct moduledata in runtime/symtab.go. */
#define MODULE_TEXT 176

struct candidate {
	uint64_t address;
	unsigned int votes;
};

/* A variable that has methods. */
struct sought {
	uint64_t methods[MAX_METHODS];
	size_t n_methods;
	struct candidate candidates[MAX_CANDIDATES];
	size_t n_candidates;
};

struct search {
	const struct elf_file *file;
	uint64_t text; /* the file's address of runtime.text */
	struct sought controller, memstats;
	uint64_t left; /* bytes of code that may still be read */
	unsigned int functions; /* looked at so far */
	uint8_t code[MAX_FUNCTION_BYTES];
};

static int find_by_symbols(struct elf_file *file, struct go_place *ret)
{
	struct go_place place = { 0 };
	struct elf_symbols symbols;
	GElf_Sym symbol;

	if (elf_file_symbols(file, SHT_SYMTAB, &symbols))
		return -ENOENT;
	for (size_t i = 0; i < symbols.n && !(place.controller && place.memstats); i++) {
		const char *name = elf_symbol(&symbols, i, &symbol);

		if (name && !strcmp(name, "runtime.gcController"))
			place.controller = symbol.st_value;
		else if (name && !strcmp(name, "runtime.memstats"))
			place.memstats = symbol.st_value;
	}
	if (!place.controller || !place.memstats)
		return -ENOENT;
	*ret = place;
	return 0;
}

static bool has_method(const struct sought *sought, uint64_t address)
{
	for (size_t i = 0; i < sought->n_methods; i++)
		if (sought->methods[i] == address)
			return true;
	return false;
}

static void add_method(struct sought *sought, uint64_t address)
{
	if (sought->n_methods < MAX_METHODS)
		sought->methods[sought->n_methods++] = address;
}

static void vote(struct sought *sought, uint64_t address)
{
	size_t i = 0;

	while (i < sought->n_candidates && sought->candidates[i].address != address)
		i++;
	if (i == MAX_CANDIDATES)
		return;
	if (i == sought->n_candidates)
		sought->candidates[sought->n_candidates++] = (struct candidate){ .address = address };
	sought->candidates[i].votes++;
}

/* 0: none was called with often enough. */
static uint64_t winner(const struct sought *sought)
{
	struct candidate best = { .votes = LEAST_VOTES - 1 };

	for (size_t i = 0; i < sought->n_candidates; i++)
		if (sought->candidates[i].votes > best.votes)
			best = sought->candidates[i];
	return best.address;
}

static void count_call(void *data, uint64_t target, uint64_t argument)
{
	struct search *search = data;

	if (has_method(&search->controller, target))
		vote(&search->controller, argument);
	else if (has_method(&search->memstats, target))
		vote(&search->memstats, argument);
}

static void note_method(struct search *search, const struct go_function *function)
{
	if (function_has_prefix(function, "runtime.(*gcControllerState)."))
		add_method(&search->controller, search->text + function->start);
	/* memstats begins with a variable of that type, which is the only one */
	if (function_is(function, "runtime.(*consistentHeapStats).acquire") ||
	    function_is(function, "runtime.(*consistentHeapStats).release"))
		add_method(&search->memstats, search->text + function->start);
}

static void scan_function(struct search *search, const struct go_function *function)
{
	uint64_t size = function->end - function->start, address = search->text + function->start, offset;
	ssize_t n;

	if (!function_has_prefix(function, "runtime.") || search->functions++ >= MAX_FUNCTIONS ||
	    elf_file_offset(search->file, address, &offset))
		return;
	size = size < MAX_FUNCTION_BYTES ? size : MAX_FUNCTION_BYTES;
	size = size < search->left ? size : search->left;
	n = pread(search->file->fd, search->code, size, (off_t)offset);
	search->left -= size;
	if (n > 0)
		calls_scan(search->code, (size_t)n, address, count_call, search);
}

static void for_each_function(struct search *search, const struct pclntab *table,
			      void (*each)(struct search *search, const struct go_function *function))
{
	struct go_function function;

	for (uint32_t i = 0; i < table->n; i++)
		if (pclntab_function(table, i, &function))
			each(search, &function);
}

/* In a section of its own, or, when another linker than Go's joined it with others, among relocated constants. */
static int load_table(struct elf_file *file, struct pclntab *ret, uint64_t *ret_address)
{
	static const char *const sections[] = { ".gopclntab", ".data.rel.ro.gopclntab", ".data.rel.ro" };

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		GElf_Shdr header;
		Elf_Scn *section = elf_file_section(file, sections[i], &header);
		Elf_Data *data = section && header.sh_flags & SHF_ALLOC ? elf_file_load(file, section) : NULL;
		int64_t at = data ? pclntab_search(data->d_buf, data->d_size) : -1;

		if (at < 0)
			continue;
		*ret_address = header.sh_addr + (uint64_t)at;
		return pclntab_parse((uint8_t *)data->d_buf + at, data->d_size - (size_t)at, ret);
	}
	return -ENOENT;
}

/* It is read from memory: what is relocated is not in the file. -EAGAIN: it is not relocated yet. */
static int find_text(struct elf_file *file, const struct image *image, uint64_t bias, uint64_t table, uint64_t *ret)
{
	GElf_Shdr module;
	uint64_t text;
	int result = image_get(image, bias + table + PCLNTAB_TEXT, &text, sizeof(text));

	if (!result && !text && elf_file_section(file, ".go.module", &module))
		result = image_get(image, bias + module.sh_addr + MODULE_TEXT, &text, sizeof(text));
	if (result)
		return result;
	/* it may have the file's own address until then */
	if (text <= bias)
		return bias ? -EAGAIN : -ENOENT;
	*ret = text - bias;
	return 0;
}

static int find_by_calls(struct elf_file *file, const struct image *image, uint64_t bias, struct go_place *ret)
{
	struct search *search = calloc(1, sizeof(*search));
	struct pclntab table;
	uint64_t address;
	int result = search ? load_table(file, &table, &address) : -ENOMEM;

	if (!result)
		result = find_text(file, image, bias, address, &search->text);
	if (!result) {
		search->file = file;
		search->left = MAX_CODE_BYTES;
		for_each_function(search, &table, note_method);
		for_each_function(search, &table, scan_function);
		*ret = (struct go_place){ winner(&search->controller), winner(&search->memstats) };
		result = ret->controller && ret->memstats ? 0 : -ENOENT;
	}
	free(search);
	return result == -EFAULT ? -ENOENT : result;
}

int find_go_place(struct elf_file *file, const struct image *image, uint64_t bias, struct go_place *ret, const char **ret_why)
{
	struct go_place place;
	int result = find_by_symbols(file, &place);

	if (result)
		result = find_by_calls(file, image, bias, &place);
	if (result) {
		*ret_why = result == -ESRCH  ? "it is gone" :
			   result == -EAGAIN ? "its Go runtime has not started yet" :
					       "its Go runtime's figures were not found in its executable";
		return result;
	}
	*ret = (struct go_place){ bias + place.controller, bias + place.memstats };
	return 0;
}
