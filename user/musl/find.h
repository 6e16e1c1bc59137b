/* SPDX-License-Identifier: GPL-2.0-only */
/* Where in a process musl's allocator has its state: in the libc, or in the program when that is linked statically. */
#ifndef MEMGAP_MUSL_FIND_H
#define MEMGAP_MUSL_FIND_H

#include <stdint.h>

#include "user/musl/context.h"

/*
 * dir_fd: /proc/PID. -ENOENT when there is no such state, or nothing was ever allocated from it: no musl, an older one, or a
 * program that never frees and was linked with less. *ret_why: a phrase for people.
 */
int find_context(int dir_fd, const struct image *image, struct context *ret, const char **ret_why);

/* In a range of memory: 0, -ENOENT, -ESRCH. What is absent is not read. */
int find_in_range(const struct image *image, uint64_t start, uint64_t end, struct context *ret);

#endif
