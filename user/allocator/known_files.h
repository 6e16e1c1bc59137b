/* SPDX-License-Identifier: GPL-2.0-only */
/* The library files that were looked into: whether they allocate, and how, which is said to the kernel side. */
#ifndef MEMGAP_ALLOCATOR_KNOWN_FILES_H
#define MEMGAP_ALLOCATOR_KNOWN_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "user/allocator/library.h"

struct bpf_map;

/* A library file that was looked into. An inode number may be used again: size and ctime tell. */
struct known_file {
	uint64_t device, inode;
	struct stat seen;
	bool allocates, foreign; /* an allocator that we know, or another */
	pid_t translator;        /* for whose sake it is not probed, which was said; 0 */
	struct library library;
	uint32_t library_key; /* in the BPF map, or 0 when it has none yet */
	struct known_file *next;
};

struct known_files {
	bool no_returns;                 /* return probes are not to be used */
	const struct bpf_map *libraries; /* the BPF map, of which so many keys are in use: */
	uint32_t n_libraries;
	struct known_file *list;
};

/* What the file behind fd is; NULL: out of memory, or it cannot be told. The file is of `files`. */
struct known_file *known_files_look_into(struct known_files *files, uint64_t device, uint64_t inode, int fd);

/* Tells the kernel side about a library, once. 0, -ENOSPC where the map is full, or another -errno. */
int known_files_describe(struct known_files *files, struct known_file *known);

/* The library with that key in the map; NULL. */
const struct library *known_files_library(const struct known_files *files, uint32_t key);

void known_files_free(struct known_files *files);

#endif
