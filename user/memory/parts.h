/* SPDX-License-Identifier: GPL-2.0-only */
/* The variables of a process's files as they are in its memory; something that is known by its contents alone is looked for there. */
#ifndef MEMGAP_MEMORY_PARTS_H
#define MEMGAP_MEMORY_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/memory/image.h"

#define PARTS_MAX 16

/* A writable part of a file, and what follows without a file: variables that begin as zeros. */
struct part {
	uint64_t start, end;
};

struct parts {
	struct part list[PARTS_MAX];
	size_t n;
	bool has_wanted; /* a file that is wanted is mapped, besides the program */
};

/* Those of the program, and of files whose path is wanted. dir_fd: /proc/PID. -ESRCH, or another -errno. */
int parts_read(int dir_fd, bool (*is_wanted)(const char *path), struct parts *ret);

/* What is looked for lies within so many bytes. */
#define PARTS_OVERLAP 4096

/* Looks at n bytes of memory, which may begin with some of those before: 0, -ENOENT: not here, or another -errno. */
typedef int (*parts_look)(void *data, uint64_t address, const uint8_t *bytes, size_t n);

/* Looks at all that is resident of a part, up to 64 MiB; what is absent is not read. As look() returns; -ENOMEM, -ESRCH. */
int part_search(const struct image *image, const struct part *part, parts_look look, void *data);
int parts_search(const struct image *image, const struct parts *parts, parts_look look, void *data);

#endif
