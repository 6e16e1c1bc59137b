/* SPDX-License-Identifier: GPL-2.0-only */
/* The malloc family: which functions of a library are probed, and how each hands out its block. */
#ifndef MEMGAP_ALLOCATOR_FAMILY_H
#define MEMGAP_ALLOCATOR_FAMILY_H

#include "bpf/memgap.h"

#define FAMILY_FREE 0 /* in place of an enum memgap_call: gives a block back */

struct family_function {
	const char *symbol;
	unsigned int call; /* enum memgap_call, or FAMILY_FREE */
};

/* Ends with a NULL symbol. A library need not have all of them. */
extern const struct family_function family[];

#endif
