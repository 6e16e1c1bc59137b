/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a Go program has the variables of its runtime that hold what is known of its memory. */
#ifndef MEMGAP_GO_FIND_H
#define MEMGAP_GO_FIND_H

#include <stdint.h>

#include "user/memory/elf_file.h"
#include "user/memory/image.h"

/* Addresses in the process. */
struct go_place {
	uint64_t controller; /* runtime.gcController */
	uint64_t memstats;   /* runtime.memstats */
};

/*
 * By the executable's symbols; where it is stripped, by what calls the methods of the two. bias: what is added to the file's
 * addresses. -ENOENT when that does not tell, -EAGAIN when it does not tell yet; -ESRCH, -ENOMEM. *ret_why: a phrase for people.
 */
int find_go_place(struct elf_file *file, const struct image *image, uint64_t bias, struct go_place *ret, const char **ret_why);

#endif
