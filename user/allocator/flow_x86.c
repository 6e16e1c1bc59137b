// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/flow.h"

#include <Zydis/Zydis.h>
#include <string.h>

static bool decode(const uint8_t *code, size_t size, ZydisDecodedInstruction *ret, ZydisDecodedOperand *operands)
{
	ZydisDecoder decoder;

	return ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) &&
	       ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, size, ret, operands));
}

struct flow_step flow_step_x86(const uint8_t *code, size_t size, uint64_t address)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction instruction;
	struct flow_step step = { .kind = FLOW_UNKNOWN };

	if (!decode(code, size, &instruction, operands))
		return step;
	step.length = instruction.length;
	if (instruction.meta.category == ZYDIS_CATEGORY_RET) {
		if (instruction.mnemonic == ZYDIS_MNEMONIC_RET && instruction.meta.branch_type != ZYDIS_BRANCH_TYPE_FAR)
			step.kind = FLOW_RETURNS;
	} else if (instruction.meta.category != ZYDIS_CATEGORY_UNCOND_BR && instruction.meta.category != ZYDIS_CATEGORY_COND_BR) {
		step.kind = FLOW_GOES_ON;
	} else if (operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operands[0].imm.is_relative) {
		step.kind = FLOW_BRANCHES;
		step.always = instruction.meta.category == ZYDIS_CATEGORY_UNCOND_BR;
		step.target = address + instruction.length + (uint64_t)operands[0].imm.value.s;
	}
	return step;
}

/* JMP [rip + slot] */
bool flow_linkage_x86(const uint8_t code[FLOW_LINKAGE_BYTES], uint64_t address, uint64_t *ret_slot)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction instruction;
	size_t at = memcmp(code, endbr64, sizeof(endbr64)) ? 0 : sizeof(endbr64);

	if (!decode(code + at, FLOW_LINKAGE_BYTES - at, &instruction, operands) || instruction.mnemonic != ZYDIS_MNEMONIC_JMP ||
	    operands[0].type != ZYDIS_OPERAND_TYPE_MEMORY || operands[0].mem.base != ZYDIS_REGISTER_RIP)
		return false;
	*ret_slot = address + at + instruction.length + (uint64_t)operands[0].mem.disp.value;
	return true;
}
