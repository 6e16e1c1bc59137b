/* SPDX-License-Identifier: GPL-2.0-only */
/* tcmalloc's (gperftools') size classes, which it computes when it starts, for its default page of 8 KiB. */
#ifndef MEMGAP_ALLOCATOR_TCMALLOC_H
#define MEMGAP_ALLOCATOR_TCMALLOC_H

#include <stdint.h>

#include "bpf/memgap.h"

/* The usable size, bytes, for each tcmalloc_index(). */
void tcmalloc_fill_classes(uint32_t usable[TCMALLOC_CLASSES]);

#endif
