/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The heap of a process with glibc's malloc (2.27 to 2.44, 64-bit): what mallinfo2(3) would say inside, and which of it
 * malloc_trim(3) would give back.
 */
#ifndef MEMGAP_GLIBC_GLIBC_HEAP_H
#define MEMGAP_GLIBC_GLIBC_HEAP_H

#include "user/memory/heap_kind.h"

extern const struct heap_kind glibc_heap;

#endif
