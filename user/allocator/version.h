/* SPDX-License-Identifier: GPL-2.0-only */
/* Which version of an allocator a file holds, from what its makers left among its constants. */
#ifndef MEMGAP_ALLOCATOR_VERSION_H
#define MEMGAP_ALLOCATOR_VERSION_H

#include <stdbool.h>

#include "bpf/memgap.h"
#include "user/memory/elf_file.h"

struct version {
	unsigned int major, minor, patch; /* major 0: not known; patch 0 where there is none */
};

/* version_offset: in the file, of mi_version(); for other allocators it is not looked at. */
struct version version_read(struct elf_file *file, enum memgap_allocator allocator, uint64_t version_offset);

/* Whether the file says that it is a musl libc. */
bool version_is_musl(struct elf_file *file);

#endif
