/* SPDX-License-Identifier: GPL-2.0-only */
/* Where in a process glibc's allocator has its state: in the libc, or in the program when that is linked statically. */
#ifndef MEMGAP_GLIBC_FIND_H
#define MEMGAP_GLIBC_FIND_H

#include <stdint.h>

#include "user/glibc/layout.h"
#include "user/memory/image.h"

struct place {
	const struct layout *layout;
	uint64_t mp, main_arena; /* addresses */
};

/*
 * dir_fd: /proc/PID. -ENOENT when there is no such state, or nothing was ever allocated from it: no glibc, or another
 * allocator in its place. *ret_why: a phrase for people.
 */
int find_place(int dir_fd, const struct image *image, struct place *ret, const char **ret_why);

/*
 * Offset of mp_ among the n bytes of a file's writable part, and its layout; -1. Pure.
 */
int64_t find_mp(const uint8_t *bytes, size_t n, const struct layout **ret);

/* Offset of the main arena among n bytes that are at an address; -1. *ret_used: it has memory. Pure. */
int64_t find_arena(const struct layout *layout, uint64_t address, const uint8_t *bytes, size_t n, bool *ret_used);

#endif
