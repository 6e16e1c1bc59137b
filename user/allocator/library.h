/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an ELF file is as an allocator: is it a glibc, which one, and where in the file its malloc family
 * begins. The file may be a container's and hostile: every size is bounded, nothing of it is trusted.
 */
#ifndef MEMGAP_ALLOCATOR_LIBRARY_H
#define MEMGAP_ALLOCATOR_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/memgap.h"
#include "user/allocator/sites.h"

#define FAMILY_MAX 16

struct library_function {
	const char *symbol;    /* of the family (family.h); of aliases one */
	uint64_t offset, size; /* in the file, bytes */
	unsigned int call;     /* enum memgap_call, or FAMILY_FREE */
	struct sites sites;    /* where to probe it */
};

struct library {
	char name[32]; /* "glibc 2.36" */
	size_t n;
	struct library_function functions[FAMILY_MAX]; /* aliases (the same address) once */
	uint64_t free_offset;
	/*
	 * Where direct calls of free() return to, as a distance in bytes from its start: the allocator's own calls
	 * (struct memgap_library in bpf/memgap.h). Those of other parts of libc go through the PLT.
	 */
	size_t n_internal_frees;
	int32_t internal_frees[MEMGAP_INTERNAL_FREES];
};

/*
 * Reads the file behind fd. 0; -ENOENT when it is an ELF file but no allocator; -EOPNOTSUPP when it is one that memgap does
 * not know (or a wrapper around another); -ENOEXEC when it is not a sound 64-bit ELF file of this machine.
 */
int library_read(int fd, struct library *ret);

#endif
