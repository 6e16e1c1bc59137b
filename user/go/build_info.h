/* SPDX-License-Identifier: GPL-2.0-only */
/* What Go's linker writes into each program for `go version` to find: Go's debug/buildinfo has the format. */
#ifndef MEMGAP_GO_BUILD_INFO_H
#define MEMGAP_GO_BUILD_INFO_H

#include <stddef.h>
#include <stdint.h>

#include "user/memory/elf_file.h"

#define GO_VERSION_MAX 64

struct build_info {
	char version[GO_VERSION_MAX]; /* "go1.22.3"; "" when it is not in it: before Go 1.18, or cut short */
};

/* -ENOENT when the file is no Go program. */
int build_info_read(struct elf_file *file, struct build_info *ret);

/* Of n bytes from the magic on. -ENOENT without it. Pure. */
int build_info_parse(const uint8_t *bytes, size_t n, struct build_info *ret);

#endif
