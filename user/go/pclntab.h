/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of functions that each Go program carries, stripped or not: its runtime needs it to walk stacks. pcHeader in
 * runtime/symtab.go, functab and _func in runtime/runtime2.go; the same from Go 1.18 on.
 */
#ifndef MEMGAP_GO_PCLNTAB_H
#define MEMGAP_GO_PCLNTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From its start: a word, the address of runtime.text while the program runs; from 1.26 on 0. */
#define PCLNTAB_TEXT 24

struct pclntab {
	const uint8_t *bytes; /* the caller's */
	size_t size;
	uint64_t names, functions; /* where in it those tables are */
	uint32_t n;                /* functions */
};

/* -EPROTO when no table starts there. */
int pclntab_parse(const uint8_t *bytes, size_t size, struct pclntab *ret);

/* Where in the bytes one starts, at a multiple of 8; -1. */
int64_t pclntab_search(const uint8_t *bytes, size_t size);

struct go_function {
	const char *name; /* it may have no end: */
	size_t name_room; /* bytes from it on */
	uint32_t start, end; /* from runtime.text on */
};

/* False when the entry is not sound: its code ends before it starts, it has no name. */
bool pclntab_function(const struct pclntab *table, uint32_t i, struct go_function *ret);

bool function_has_prefix(const struct go_function *function, const char *prefix);
bool function_is(const struct go_function *function, const char *name);

#endif
