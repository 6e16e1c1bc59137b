// SPDX-License-Identifier: GPL-2.0-only
/* Opcodes: Arm Architecture Reference Manual for A-profile, C4.1.66: branches, exception generating and system instructions. */
#include "user/allocator/flow.h"

#include "user/allocator/sites_arm64.h"
#include "user/memory/word.h"

#define INSTRUCTION_BYTES 4
#define RET 0xd65f03c0U /* to x30 */

static bool is_call(uint32_t i)
{
	return (i & 0xfc000000) == 0x94000000 || (i & 0xfffffc1f) == 0xd63f0000; /* BL, BLR */
}

/* BR, RET to another register, and whatever authenticates what it jumps to: the kernel places no probe there. */
static bool is_register_branch(uint32_t i)
{
	return (i & 0xfe000000) == 0xd6000000;
}

struct flow_step flow_step_arm64(const uint8_t *code, size_t size, uint64_t address)
{
	struct flow_step step = { .kind = FLOW_UNKNOWN };
	int64_t distance;
	uint32_t i;

	if (size < INSTRUCTION_BYTES)
		return step;
	i = word32(code);
	step.length = INSTRUCTION_BYTES;
	if (i == RET) {
		step.kind = FLOW_RETURNS;
	} else if (!is_call(i) && arm64_branch_distance(i, &distance)) {
		step.kind = FLOW_BRANCHES;
		step.always = (i & 0xfc000000) == 0x14000000; /* B */
		step.target = address + (uint64_t)distance;
	} else if (is_call(i) || (i >> 16 && !is_register_branch(i))) { /* UDF has nothing in its upper half */
		step.kind = FLOW_GOES_ON;
	}
	return step;
}

/* ADRP x16, page; LDR x17, [x16, #offset]; ADD x16, x16, #offset; BR x17 (AAELF64, 9.2) */
bool flow_linkage_arm64(const uint8_t code[FLOW_LINKAGE_BYTES], uint64_t address, uint64_t *ret_slot)
{
	size_t at = arm64_has_landing(&(struct function_code){ .bytes = code, .size = INSTRUCTION_BYTES }) ? INSTRUCTION_BYTES : 0;
	uint32_t adrp = word32(code + at), ldr = word32(code + at + 4), br = word32(code + at + 12);
	uint64_t pages = (uint64_t)(adrp >> 5 & 0x7ffff) << 2 | (adrp >> 29 & 3);

	if ((adrp & 0x9f00001f) != 0x90000010 || (ldr & 0xffc003ff) != 0xf9400211 || br != 0xd61f0220)
		return false;
	/* 21 bits with a sign */
	*ret_slot = ((address + at) & ~0xfffULL) + (uint64_t)((int64_t)(pages << 43) >> 31) + (uint64_t)(ldr >> 10 & 0xfff) * 8;
	return true;
}
