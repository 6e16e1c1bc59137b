/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where in a function a probe costs least. The kernel emulates a few instructions in the breakpoint's handler (push,
 * conditional and direct jumps: arch/x86/kernel/uprobes.c); any other is single-stepped out of line, which costs many
 * times as much. So the function is decoded from its start, and the first emulated instruction is
 * taken at which the arguments are still in registers that are known; failing that its first instruction, whatever it is.
 *
 * Pure: bytes in, places out. An instruction boundary is only ever known by decoding from the symbol's start, and no place is
 * taken that a branch leads to, nor that the function itself leads back to before: that would be a hit without a call.
 */
#ifndef MEMGAP_ALLOCATOR_SITES_H
#define MEMGAP_ALLOCATOR_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/memgap.h"
#include "user/allocator/branch_targets.h"

#define SITE_BYTES_MAX 15 /* the longest x86 instruction */

/* A probe's place, the instruction it sits on, and where the function's arguments and its caller's address are by then. */
struct site {
	uint32_t offset;       /* bytes from the function's start */
	uint8_t pushed;        /* words by which the stack pointer is below its value at the function's start */
	uint8_t registers[MEMGAP_ARGUMENTS]; /* that hold the arguments; the number that instructions have for them */
	bool has_header;       /* the word before the block that the first argument is has been loaded, */
	uint8_t header;        /* into this register */
	bool emulated;         /* cheap */
	uint8_t length;        /* of the instruction, bytes; 0: it could not be decoded */
	uint8_t bytes[SITE_BYTES_MAX];
};

struct sites {
	struct site entry;
	struct site at_return; /* `pushed` is 0: the return address is what the stack pointer points to */
};

struct function_code {
	const uint8_t *bytes;
	size_t size;
	uint64_t offset; /* in the file */
	const struct branch_targets *targets; /* that any code seems to have, */
	const struct branch_targets *inner;   /* and those that the functions themselves really have; NULL: none are known */
};

enum site_kind {
	SITE_CALL, /* entry and return */
	SITE_ENTRY, /* entry alone */
	SITE_FREE, /* the same; a call with NULL as its argument need not be seen */
	/*
	 * The same, and better where the word before the block is in a register: reading it from memory is what costs most
	 * after the trap itself. A call with a misaligned address, which the allocator ends the program for, need not be seen either.
	 */
	SITE_FREE_WITH_HEADER,
};

/* How many arguments, up to MEMGAP_ARGUMENTS, must be known at the entry. Always finds something. */
void sites_choose(const struct function_code *code, enum site_kind kind, unsigned int arguments, struct sites *ret);

/*
 * Adds what the direct branches in a piece of code lead to; 0, -ENOMEM, or -E2BIG when no real code could have so many.
 * Scanning finds those with a 32-bit distance (CALL, JMP, Jcc: Intel SDM) anywhere: what only looks like one, in the middle
 * of an instruction, means at worst that one place too many is avoided. Decoding a function from its start finds the
 * short ones too.
 */
int branch_targets_scan(struct branch_targets *targets, const struct function_code *code);
int branch_targets_decode(struct branch_targets *targets, const struct function_code *code);

#endif
