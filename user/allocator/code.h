/* SPDX-License-Identifier: GPL-2.0-only */
/* What a library's machine code tells: where its functions are best probed, and who calls free() from inside. */
#ifndef MEMGAP_ALLOCATOR_CODE_H
#define MEMGAP_ALLOCATOR_CODE_H

#include <stdbool.h>

#include "user/allocator/elf_file.h"
#include "user/allocator/library.h"

/*
 * Whether the function at this offset of the file is nothing but a jump, such as free_sized() and
 * free_aligned_sized() of glibc 2.43, which forward to free(), where they are counted already.
 */
bool code_is_forwarder(const struct elf_file *file, uint64_t offset);

/*
 * Fills the sites of the library's functions and its internal_frees. 0, -ENOMEM, or -E2BIG for what is no real code. The library has
 * at least one function.
 */
int code_read(struct elf_file *file, struct library *library);

#endif
