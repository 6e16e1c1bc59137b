// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/sites_arm64.h"

#include <string.h>

/* Opcodes and fields: Arm Architecture Reference Manual for A-profile, C4.1. */
#define INSTRUCTION_BYTES 4
#define MAX_INSTRUCTIONS 32

static bool read_instruction(const struct function_code *code, size_t at, uint32_t *ret)
{
	if (at + INSTRUCTION_BYTES > code->size)
		return false;
	memcpy(ret, code->bytes + at, INSTRUCTION_BYTES); /* code is little-endian, as x86 and arm64 Linux are */
	return true;
}

static bool is_conditional(uint32_t i)
{
	return (i & 0xff000010) == 0x54000000; /* B.cond */
}

static bool is_compare_branch(uint32_t i)
{
	return (i & 0x7e000000) == 0x34000000; /* CBZ, CBNZ */
}

static bool is_test_branch(uint32_t i)
{
	return (i & 0x7e000000) == 0x36000000; /* TBZ, TBNZ */
}

static bool is_jump(uint32_t i)
{
	return (i & 0xfc000000) == 0x14000000; /* B */
}

static bool is_call(uint32_t i)
{
	return (i & 0xfc000000) == 0x94000000; /* BL */
}

static bool is_adr(uint32_t i)
{
	return (i & 0x1f000000) == 0x10000000; /* ADR, ADRP */
}

/* A signed field of a branch, in instructions; its distance in bytes. */
static int64_t distance(uint32_t i, unsigned int shift, unsigned int bits)
{
	uint64_t field = (uint64_t)(i >> shift) & ((1ULL << bits) - 1);

	return (int64_t)(field << (64 - bits)) >> (64 - bits - 2);
}

bool arm64_branch_distance(uint32_t i, int64_t *ret)
{
	if (is_jump(i) || is_call(i))
		*ret = distance(i, 0, 26);
	else if (is_conditional(i) || is_compare_branch(i))
		*ret = distance(i, 5, 19);
	else if (is_test_branch(i))
		*ret = distance(i, 5, 14);
	else
		return false;
	return true;
}

/* What the kernel simulates, those left out that leave the function or change x30: BL, BR, BLR, RET. */
static bool is_simulated(uint32_t i)
{
	return is_conditional(i) || is_compare_branch(i) || is_test_branch(i) || is_jump(i) || is_adr(i);
}

/* Neither an argument's register, nor x30, nor the stack pointer (31). */
static bool is_free_register(uint32_t i)
{
	uint32_t number = i & 31;

	return number > 2 && number < 30;
}

static bool is_landing(uint32_t i)
{
	return (i & 0xffffff3f) == 0xd503241f; /* BTI */
}

/* Known to leave x0 to x2, x30 and sp alone, and to go on with the next instruction. Anything that is not known here is not. */
static bool is_harmless(uint32_t i)
{
	if (i == 0xd503201f /* NOP */ || is_landing(i))
		return true; /* other hints sign x30 */
	if ((i & 0x7f00001f) == 0x7100001f || (i & 0x7f00001f) == 0x3100001f || (i & 0x7f20001f) == 0x6b00001f ||
	    (i & 0x7f80001f) == 0x7200001f || (i & 0x7f20001f) == 0x6a00001f)
		return true; /* CMP and CMN immediate, CMP register, TST */
	if (is_adr(i) || (i & 0x7fe0ffe0) == 0x2a0003e0 || (i & 0x1f800000) == 0x12800000 || (i & 0x1f800000) == 0x11000000)
		return is_free_register(i); /* ADR, MOV register, MOVZ and its kin, ADD and SUB immediate */
	return (i & 0xbfc00000) == 0xb9400000 && is_free_register(i); /* LDR, of a word or two, unsigned offset */
}

/* CBZ x0: goes where the block is NULL. */
static bool tests_null(uint32_t i)
{
	return (i & 0xff00001f) == 0xb4000000;
}

static struct site make_site(const struct function_code *code, size_t at)
{
	struct site site = { .offset = (uint32_t)at, .registers = { 0, 1, 2 } };
	uint32_t instruction;

	if (!read_instruction(code, at, &instruction))
		return site;
	site.emulated = is_simulated(instruction);
	site.length = INSTRUCTION_BYTES;
	memcpy(site.bytes, code->bytes + at, INSTRUCTION_BYTES);
	return site;
}

void arm64_sites_choose(const struct function_code *code, enum site_kind kind, struct sites *ret)
{
	bool gives_back = kind == SITE_FREE || kind == SITE_FREE_WITH_HEADER;
	struct site chosen = make_site(code, 0);
	uint32_t instruction;

	for (size_t at = 0; at < MAX_INSTRUCTIONS * INSTRUCTION_BYTES && read_instruction(code, at, &instruction);
	     at += INSTRUCTION_BYTES) {
		bool past_null = gives_back && tests_null(instruction);

		if (is_simulated(instruction) && !branch_targets_lead_into(code->targets, code->offset, code->offset + at)) {
			chosen = make_site(code, at);
			if (!past_null)
				break;
		}
		if (!past_null && !is_harmless(instruction))
			break;
	}
	*ret = (struct sites){ .entry = chosen };
	if (kind == SITE_CALL)
		ret->at_return = chosen;
}

int arm64_branch_targets_scan(struct branch_targets *targets, const struct function_code *code)
{
	uint32_t instruction;
	int64_t bytes;
	int result = 0;

	for (size_t at = 0; !result && read_instruction(code, at, &instruction); at += INSTRUCTION_BYTES)
		if (arm64_branch_distance(instruction, &bytes))
			result = branch_targets_add(targets, code->offset + at + (uint64_t)bytes);
	return result;
}

bool arm64_has_landing(const struct function_code *code)
{
	uint32_t instruction;

	return read_instruction(code, 0, &instruction) && is_landing(instruction);
}

static bool target_of(const struct function_code *code, size_t at, bool (*is_wanted)(uint32_t), uint64_t *ret_target)
{
	uint32_t instruction;
	int64_t bytes;

	if (!read_instruction(code, at, &instruction) || !is_wanted(instruction) || !arm64_branch_distance(instruction, &bytes))
		return false;
	*ret_target = code->offset + at + (uint64_t)bytes;
	return true;
}

bool arm64_call_target(const struct function_code *code, size_t at, uint64_t *ret_target)
{
	return target_of(code, at, is_call, ret_target);
}

bool arm64_jump_target(const struct function_code *code, size_t at, uint64_t *ret_target)
{
	return target_of(code, at, is_jump, ret_target);
}
