/* SPDX-License-Identifier: GPL-2.0-only */
/* What a library's machine code tells: where its functions are best probed, and who calls free() from inside. */
#ifndef MEMGAP_ALLOCATOR_CODE_H
#define MEMGAP_ALLOCATOR_CODE_H

#include "user/allocator/library.h"
#include "user/memory/elf_file.h"

/*
 * Takes out of the library's functions those that are nothing but a jump to another of them, where they are counted already:
 * free_sized() and free_aligned_sized() of glibc 2.43, memalign() of musl, many an operator delete. 0.
 */
int code_drop_forwarders(struct elf_file *file, struct library *library);

/*
 * Fills the sites of the library's functions and its internal_frees. 0, -ENOMEM, or -E2BIG for what is no real code. The library has
 * at least one function.
 */
int code_read(struct elf_file *file, struct library *library);

#endif
