// SPDX-License-Identifier: GPL-2.0-only
#include "user/go/pclntab.h"

#include <errno.h>
#include <string.h>

#include "user/memory/word.h"

/* In pcHeader: */
#define HEADER_BYTES 72
#define MAGIC_1_18 0xfffffff0U
#define MAGIC_1_20 0xfffffff1U
#define POINTER_BYTES 7
#define N_FUNCTIONS 8
#define NAMES_AT 32
#define FUNCTIONS_AT 64
/* a functab: its code from runtime.text on, its _func from the table of functabs on. One more at the end says where code ends. */
#define ENTRY_BYTES 8
/* in a _func */
#define NAME_AT 4

int pclntab_parse(const uint8_t *bytes, size_t size, struct pclntab *ret)
{
	struct pclntab table = { .bytes = bytes, .size = size };
	uint64_t n;

	if (size < HEADER_BYTES || (word32(bytes) != MAGIC_1_20 && word32(bytes) != MAGIC_1_18) || word16(bytes + 4) ||
	    bytes[POINTER_BYTES] != 8)
		return -EPROTO;
	n = word(bytes + N_FUNCTIONS);
	table.names = word(bytes + NAMES_AT);
	table.functions = word(bytes + FUNCTIONS_AT);
	if (table.names >= size || table.functions >= size || !n || n >= (size - table.functions) / ENTRY_BYTES || n > UINT32_MAX)
		return -EPROTO;
	table.n = (uint32_t)n;
	*ret = table;
	return 0;
}

int64_t pclntab_search(const uint8_t *bytes, size_t size)
{
	struct pclntab ignored;

	for (size_t at = 0; at < size; at += 8)
		if (!pclntab_parse(bytes + at, size - at, &ignored))
			return (int64_t)at;
	return -1;
}

bool pclntab_function(const struct pclntab *table, uint32_t i, struct go_function *ret)
{
	const uint8_t *entry = table->bytes + table->functions + (uint64_t)i * ENTRY_BYTES;
	uint64_t at = table->functions + word32(entry + 4), name;

	if (at > table->size - NAME_AT - 4)
		return false;
	name = table->names + word32(table->bytes + at + NAME_AT);
	*ret = (struct go_function){ .start = word32(entry), .end = word32(entry + ENTRY_BYTES) };
	if (name >= table->size || ret->start >= ret->end)
		return false;
	ret->name = (const char *)table->bytes + name;
	ret->name_room = table->size - name;
	return true;
}

bool function_has_prefix(const struct go_function *function, const char *prefix)
{
	size_t length = strlen(prefix);

	return function->name_room >= length && !memcmp(function->name, prefix, length);
}

bool function_is(const struct go_function *function, const char *name)
{
	size_t length = strlen(name) + 1;

	return function->name_room >= length && !memcmp(function->name, name, length);
}
