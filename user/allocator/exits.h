/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a function returns: its RET instructions, and those of the functions that it ends in a jump to. A return probe must not
 * be on a function that may throw: it takes the place of the return address, the unwinder finds no frame there, and the
 * program is terminated. Nor on any where the kernel's return probes are fatal under seccomp. A probe on each RET does no harm; it is
 * single-stepped on x86-64, and simulated on arm64.
 *
 * An instruction boundary is only known by decoding from a function's start; where functions start and end is what
 * .eh_frame_hdr says, which the unwinder itself goes by.
 */
#ifndef MEMGAP_ALLOCATOR_EXITS_H
#define MEMGAP_ALLOCATOR_EXITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/memory/elf_file.h"

#define EXITS_MAX 128

#if defined(__aarch64__)
#define EXITS_EMULATED true
#else
#define EXITS_EMULATED false
#endif

/*
 * A function may also end in a jump to one whose code is chosen when the program is loaded (an IFUNC, memset), which then cannot be
 * followed: that jump is an exit where the callee returns its first argument.
 */
struct exits {
	size_t n;
	uint64_t offsets[EXITS_MAX]; /* in the file, each once */
	bool jumps[EXITS_MAX];       /* it is such a jump: the result is in the first argument's register */
};

/*
 * Adds the exits of the function at this offset of the file; ends_in_memset: where it jumps to an IFUNC that is memset(), as calloc()
 * does. -EOPNOTSUPP when its flow cannot be followed: it jumps through a
 * register, to another library, or is too long. -ENOMEM.
 */
int exits_add(struct elf_file *file, uint64_t function, bool ends_in_memset, struct exits *exits);

/* Whether a RET of this machine, or a jump, is at this offset of the file still. */
bool exits_is_there(int fd, uint64_t offset, bool jump);

#endif
