/* SPDX-License-Identifier: GPL-2.0-only */
/* The key of a process's mimalloc: _mi_heap_main.cookie, a random word; it is in each segment, with the segment's address. */
#ifndef MEMGAP_MIMALLOC_KEY_H
#define MEMGAP_MIMALLOC_KEY_H

#include <stdint.h>

#include "user/memory/image.h"

/*
 * Where it is among the variables of the library, or of the program. dir_fd: /proc/PID. -ENOENT when it is not there, -ESRCH, or
 * another -errno.
 */
int key_find(int dir_fd, const struct image *image, uint64_t key, uint64_t *ret_address);

/* Whether it is there still: else it is another program by now. 0, -EAGAIN, -ESRCH. */
int key_check(const struct image *image, uint64_t address, uint64_t key);

#endif
