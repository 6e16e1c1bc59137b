/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of musl's allocator: struct malloc_context, src/malloc/mallocng/meta.h (musl 1.2.1 and later, 64-bit). No symbol
 * names it in a stripped file; its contents do: its pages of meta data begin with its secret.
 */
#ifndef MEMGAP_MUSL_CONTEXT_H
#define MEMGAP_MUSL_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/memory/image.h"

#define CONTEXT_BYTES_MAX 936

/* struct meta_area: a page of meta data, whatever the kernel's pages are */
#define AREA_BYTES 4096
#define AREA_HEADER 24
#define META_BYTES 40
#define AREA_SLOTS ((AREA_BYTES - AREA_HEADER) / META_BYTES)

struct context {
	uint64_t address;
	bool has_page_size; /* a word more: where the page size is not known when it is compiled (arm64) */
	uint64_t secret, first_area, last_area;
};

/* Whether the CONTEXT_BYTES_MAX bytes may be one that is in use; the address is left alone. Pure. */
bool context_parse(const uint8_t *bytes, bool has_page_size, struct context *ret);

/* The context at its address, as it is now. -EAGAIN: it is in the middle of something, or is none; -EFAULT, -ESRCH. */
int context_read(const struct image *image, struct context *context);

/* One page of meta data; what is at the address is not. Pure. */
bool area_parse(const uint8_t *bytes, uint64_t secret, uint64_t *ret_next);

#endif
