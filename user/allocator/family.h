/* SPDX-License-Identifier: GPL-2.0-only */
/* The malloc family: which functions of a library are probed, and how each hands out its block. */
#ifndef MEMGAP_ALLOCATOR_FAMILY_H
#define MEMGAP_ALLOCATOR_FAMILY_H

#include <stdbool.h>

#include "bpf/memgap.h"

#define FAMILY_THREAD_END "__call_tls_dtors"

enum family_whose {
	FAMILY_OF_ALL,
	FAMILY_OF_REMEMBERED, /* allocators whose blocks are remembered (memgap_is_remembered()) */
	FAMILY_THROWING,      /* the same: and it may throw an exception, so that no return probe may be on it (exits.h) */
	FAMILY_OF_GLIBC,
};

struct family_function {
	const char *symbol; /* without the prefix that an allocator's functions may have */
	enum memgap_call call;
	enum family_whose whose;
};

/* Whether a function of that name belongs to the allocator's family. */
bool family_has(const struct family_function *function, enum memgap_allocator allocator);


/* Ends with a NULL symbol. A library need not have all of them. */
extern const struct family_function family[];

/*
 * How many of its first arguments must be known at the entry of a call. Where a block's size lies beside it, what was asked
 * for does not matter.
 */
unsigned int family_arguments(enum memgap_allocator allocator, enum memgap_call call);

#endif
