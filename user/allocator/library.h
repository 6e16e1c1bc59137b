/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an ELF file is as an allocator: whose, which version, and where in the file its malloc family begins. The file may be
 * a container's and hostile: every size is bounded, nothing of it is trusted.
 */
#ifndef MEMGAP_ALLOCATOR_LIBRARY_H
#define MEMGAP_ALLOCATOR_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/memgap.h"
#include "user/allocator/exits.h"
#include "user/allocator/sites.h"

#define FAMILY_MAX 64
#define LIBRARY_NAME_MAX 32

struct library_function {
	const char *symbol;    /* of the family (family.h), without prefix */
	uint64_t offset, size; /* in the file, bytes */
	enum memgap_call call;
	bool return_alone;     /* as in union memgap_cookie */
	bool ends_at_exits;    /* it is probed at the library's exits instead of sites.at_return: it may throw, or library_use_exits() */
	struct sites sites;    /* where to probe it */
};

struct library {
	char name[LIBRARY_NAME_MAX]; /* "glibc 2.36" */
	enum memgap_allocator allocator;
	enum memgap_above above;     /* these two as in struct memgap_library */
	uint32_t class_max;
	bool is_static; /* linked into the program, whose own calls are direct ones */
	size_t n;
	struct library_function functions[FAMILY_MAX]; /* aliases (the same address) once, forwarders not at all */
	struct exits exits;  /* of those that are probed there, together */
	const char *unsafe;  /* a function that is left out since its exits cannot be told; NULL: none */
	/* What struct memgap_library (bpf/memgap.h) says of glibc's free(). */
	size_t n_internal_frees;
	int32_t internal_frees[MEMGAP_INTERNAL_FREES];
	bool checks_always, free_restarts; /* as in union memgap_cookie */
	/* Where in the file the function is that empties a thread's cache; size 0: not known by name. */
	uint64_t thread_end_offset, thread_end_size;
};

/*
 * Reads the file behind fd. 0; -ENOENT when it is an ELF file but no allocator; -EOPNOTSUPP when it is one that memgap does
 * not know (or a wrapper around another); -ENOEXEC when it is not a sound 64-bit ELF file of this machine.
 */
int library_read(int fd, struct library *ret);

/*
 * All that allocate are to be probed at their exits: return probes may be fatal here (struct probes_features). It costs more. -EOPNOTSUPP
 * when it cannot be told where one of them ends, -ENOMEM: then the library is as it was.
 */
int library_use_exits(int fd, struct library *library);

/* The function with this symbol; NULL when it has none. */
const struct library_function *library_find(const struct library *library, const char *symbol);

#endif
