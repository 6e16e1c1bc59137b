/* SPDX-License-Identifier: GPL-2.0-only */
/* What single instructions do to the flow of a function, on each architecture. Pure, and tested on any machine. */
#ifndef MEMGAP_ALLOCATOR_FLOW_H
#define MEMGAP_ALLOCATOR_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum flow_kind {
	FLOW_GOES_ON, /* calls too */
	FLOW_RETURNS,
	FLOW_BRANCHES, /* perhaps, to the target */
	FLOW_UNKNOWN,  /* it jumps through a register, returns in another way, or is no instruction */
};

struct flow_step {
	enum flow_kind kind;
	size_t length;   /* bytes */
	bool always;     /* of FLOW_BRANCHES: it goes there in any case */
	uint64_t target; /* of FLOW_BRANCHES */
};

/* The instruction that the code, size bytes of it at this address, begins with. */
struct flow_step flow_step_x86(const uint8_t *code, size_t size, uint64_t address);
struct flow_step flow_step_arm64(const uint8_t *code, size_t size, uint64_t address);

#define FLOW_LINKAGE_BYTES 20 /* that are looked at of an entry of the procedure linkage table */

/* Whether the code at an address is such an entry, perhaps after a landing; the address of the slot that it jumps through. */
bool flow_linkage_x86(const uint8_t code[FLOW_LINKAGE_BYTES], uint64_t address, uint64_t *ret_slot);
bool flow_linkage_arm64(const uint8_t code[FLOW_LINKAGE_BYTES], uint64_t address, uint64_t *ret_slot);

#endif
