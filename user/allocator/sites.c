// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/sites.h"

#include <Zydis/Zydis.h>
#include <string.h>

/* What comes later has long spilled its arguments. */
#define MAX_INSTRUCTIONS 32
#define NO_REGISTER 0xff
#define RSP 4
#define MAX_PUSHED 255
#define UNKNOWN_PUSHED (-1)

#define HEADER MEMGAP_ARGUMENTS /* what is held besides the arguments: the word before the block that the first one is */
#define HELD (MEMGAP_ARGUMENTS + 1)
#define BLOCK_ALIGNMENT_MASK 15 /* MALLOC_ALIGN_MASK of glibc */

/* What is known before an instruction is executed. */
struct tracker {
	uint16_t holders[HELD]; /* registers that hold the argument, or HEADER: a bit each */
	int pushed;                         /* words, or UNKNOWN_PUSHED */
};

struct decoded {
	ZydisDecodedInstruction instruction;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

/* The calling convention (System V ABI, 3.2.3): rdi, rsi, rdx. */
static const uint8_t argument_registers[MEMGAP_ARGUMENTS] = { 7, 6, 2 };

static bool decode(const struct function_code *code, size_t at, struct decoded *ret)
{
	ZydisDecoder decoder;

	return at < code->size && ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) &&
	       ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code->bytes + at, code->size - at, &ret->instruction, ret->operands));
}

/* By its bytes, since a prefix would make the kernel single-step it or refuse it. */
static bool is_emulated(const uint8_t *bytes, size_t length)
{
	switch (length) {
	case 1:
		return (bytes[0] & 0xf8) == 0x50; /* PUSH reg */
	case 2:
		return (bytes[0] == 0x41 && (bytes[1] & 0xf8) == 0x50) || /* PUSH r8 to r15 */
		       (bytes[0] & 0xf0) == 0x70 || bytes[0] == 0xeb;     /* Jcc, JMP rel8 */
	case 5:
		return bytes[0] == 0xe9; /* JMP rel32 */
	case 6:
		return bytes[0] == 0x0f && (bytes[1] & 0xf0) == 0x80; /* Jcc rel32 */
	default:
		return false;
	}
}

/* The number of the 64-bit register that a register is a part of; NO_REGISTER for one of another class. */
static uint8_t whole_register(ZydisRegister reg)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	if (ZydisRegisterGetClass(whole) != ZYDIS_REGCLASS_GPR64)
		return NO_REGISTER;
	return (uint8_t)ZydisRegisterGetId(whole);
}

/* None of NO_REGISTER. */
static uint16_t bit(uint8_t number)
{
	return (uint16_t)(number < 16 ? 1U << number : 0);
}

/* Not AH, BH, CH, DH: they are other bits of the whole. */
static bool is_low_part(ZydisRegister reg)
{
	return whole_register(reg) != NO_REGISTER && (reg < ZYDIS_REGISTER_AH || reg > ZYDIS_REGISTER_BH);
}

static bool is_register(const ZydisDecodedOperand *operand)
{
	return operand->type == ZYDIS_OPERAND_TYPE_REGISTER && operand->size == 64 &&
	       whole_register(operand->reg.value) != NO_REGISTER;
}

/* By how many words the instruction makes the stack grow; false: that cannot be said. */
static bool stack_growth(const struct decoded *decoded, int *ret_words)
{
	const ZydisDecodedInstruction *instruction = &decoded->instruction;
	const ZydisDecodedOperand *operands = decoded->operands;
	int64_t bytes;

	switch (instruction->mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
		*ret_words = 1;
		return instruction->operand_width == 64;
	case ZYDIS_MNEMONIC_POP:
		*ret_words = -1;
		return instruction->operand_width == 64 && operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		       operands[0].reg.value != ZYDIS_REGISTER_RSP;
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_ADD:
		if (!is_register(&operands[0]) || operands[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
			return false;
		bytes = operands[1].imm.value.s;
		*ret_words = (int)(bytes / 8) * (instruction->mnemonic == ZYDIS_MNEMONIC_SUB ? 1 : -1);
		return bytes % 8 == 0 && bytes <= 8 * MAX_PUSHED && bytes >= -8 * MAX_PUSHED;
	default:
		return false;
	}
}

static void move_stack(struct tracker *tracker, const struct decoded *decoded)
{
	int words;

	if (tracker->pushed == UNKNOWN_PUSHED)
		return;
	tracker->pushed = stack_growth(decoded, &words) ? tracker->pushed + words : UNKNOWN_PUSHED;
	if (tracker->pushed < 0 || tracker->pushed > MAX_PUSHED)
		tracker->pushed = UNKNOWN_PUSHED;
}

static bool is_copy(const struct decoded *decoded)
{
	return decoded->instruction.mnemonic == ZYDIS_MNEMONIC_MOV && is_register(&decoded->operands[0]) &&
	       is_register(&decoded->operands[1]);
}

/* MOV of the word before the block into a register. */
static bool is_header_load(const struct tracker *tracker, const struct decoded *decoded)
{
	const ZydisDecodedOperand *from = &decoded->operands[1];
	uint8_t base;

	if (decoded->instruction.mnemonic != ZYDIS_MNEMONIC_MOV || !is_register(&decoded->operands[0]) ||
	    from->type != ZYDIS_OPERAND_TYPE_MEMORY || from->mem.index != ZYDIS_REGISTER_NONE ||
	    from->mem.segment == ZYDIS_REGISTER_FS || from->mem.segment == ZYDIS_REGISTER_GS ||
	    !from->mem.disp.has_displacement || from->mem.disp.value != -8)
		return false;
	base = whole_register(from->mem.base);
	return base != NO_REGISTER && (tracker->holders[0] & bit(base));
}

/* What is known after the instruction: a copy of an argument is that argument, whatever else is written is none any more. */
static void step(struct tracker *tracker, const struct decoded *decoded)
{
	const struct tracker before = *tracker;

	for (int i = 0; i < decoded->instruction.operand_count; i++) {
		const ZydisDecodedOperand *operand = &decoded->operands[i];
		uint8_t number;

		if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER || !(operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		number = whole_register(operand->reg.value);
		if (number == NO_REGISTER)
			continue;
		for (int j = 0; j < HELD; j++)
			tracker->holders[j] &= (uint16_t)~bit(number);
		if (number == RSP)
			move_stack(tracker, decoded);
	}
	if (is_header_load(&before, decoded))
		tracker->holders[HEADER] |= bit(whole_register(decoded->operands[0].reg.value));
	for (int j = 0; is_copy(decoded) && j < HELD; j++)
		if (before.holders[j] & bit(whole_register(decoded->operands[1].reg.value)))
			tracker->holders[j] |= bit(whole_register(decoded->operands[0].reg.value));
}

static bool ends_straight_line(const ZydisDecodedInstruction *instruction)
{
	switch (instruction->meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSTEM:
		return true;
	default:
		return false;
	}
}

/* Whether all arguments are live, and where. */
static bool find_arguments(const struct tracker *tracker, unsigned int arguments, uint8_t registers[MEMGAP_ARGUMENTS])
{
	for (unsigned int i = 0; i < arguments; i++) {
		if (!tracker->holders[i])
			return false;
		registers[i] = (uint8_t)__builtin_ctz(tracker->holders[i]);
	}
	return true;
}

/* TEST of the register that holds the first argument with itself: JZ then goes where it is NULL. */
static bool tests_argument(const struct tracker *tracker, const struct decoded *decoded)
{
	const ZydisDecodedOperand *operands = decoded->operands;

	return decoded->instruction.mnemonic == ZYDIS_MNEMONIC_TEST && is_register(&operands[0]) && is_register(&operands[1]) &&
	       operands[0].reg.value == operands[1].reg.value && (tracker->holders[0] & bit(whole_register(operands[0].reg.value)));
}

/* TEST of the address's lowest bits: JNZ then goes where no block can be. */
static bool tests_alignment(const struct tracker *tracker, const struct decoded *decoded)
{
	const ZydisDecodedOperand *operands = decoded->operands;

	return decoded->instruction.mnemonic == ZYDIS_MNEMONIC_TEST && operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operands[1].imm.value.u == BLOCK_ALIGNMENT_MASK &&
	       is_low_part(operands[0].reg.value) && (tracker->holders[0] & bit(whole_register(operands[0].reg.value)));
}

static struct site make_site(const struct function_code *code, size_t at, size_t length, const struct tracker *tracker)
{
	struct site site = { .offset = (uint32_t)at, .pushed = (uint8_t)tracker->pushed, .length = (uint8_t)length };

	memcpy(site.registers, argument_registers, sizeof(site.registers));
	memcpy(site.bytes, code->bytes + at, length);
	site.emulated = is_emulated(site.bytes, length);
	return site;
}

/* The walk along the straight line from the function's start. */
struct walk {
	const struct function_code *code;
	enum site_kind kind;
	unsigned int arguments;
	struct tracker tracker;
	bool tested;      /* the instruction before was a test for NULL, */
	bool tested_alignment; /* or of the lowest bits */
	bool past_null;   /* a call with NULL does not come this far */
	bool found_entry, found_return, found_header;
	struct site first, entry, at_return, with_header;
	struct site before_null; /* the entry to fall back to */
};

/*
 * What was found by scanning for bytes may be no branch at all, and is only taken seriously where it hits the very place; nobody
 * else's branch leads into the middle of a function's beginning. Its own may, from the end of a loop.
 */
static bool is_reached_otherwise(const struct function_code *code, size_t at)
{
	uint64_t place = code->offset + at;

	return (at && branch_targets_lead_into(code->targets, place - 1, place)) ||
	       (code->inner && branch_targets_lead_into(code->inner, code->offset, place));
}

/* One place for both is one trap; else an entry and a return of their own are still cheaper than a single step. */
static void consider(struct walk *walk, size_t at, size_t length)
{
	struct site site = make_site(walk->code, at, length, &walk->tracker);
	bool live = find_arguments(&walk->tracker, walk->arguments, site.registers), both = live && !site.pushed;

	if (!site.emulated || is_reached_otherwise(walk->code, at))
		return;
	if (live && walk->kind == SITE_FREE_WITH_HEADER && walk->tracker.holders[HEADER] && !walk->found_header) {
		walk->with_header = site;
		walk->with_header.has_header = true;
		walk->with_header.header = (uint8_t)__builtin_ctz(walk->tracker.holders[HEADER]);
		walk->found_header = true;
	}
	if (live && (!walk->found_entry || (both && walk->entry.pushed && walk->kind == SITE_CALL))) {
		walk->entry = site;
		walk->found_entry = true;
	}
	if (!site.pushed && (!walk->found_return || both)) {
		walk->at_return = site;
		walk->found_return = true;
	}
}

static bool is_free(const struct walk *walk)
{
	return walk->kind == SITE_FREE || walk->kind == SITE_FREE_WITH_HEADER;
}

static bool is_done(const struct walk *walk)
{
	if (walk->kind == SITE_FREE_WITH_HEADER)
		return walk->found_header;
	if (walk->kind == SITE_FREE)
		return walk->found_entry && walk->past_null;
	if (walk->kind == SITE_ENTRY)
		return walk->found_entry;
	return walk->found_entry && walk->found_return && walk->entry.offset == walk->at_return.offset;
}

/* Takes one instruction; false: the straight line ends here. */
static bool take(struct walk *walk, size_t at, const struct decoded *decoded)
{
	bool goes_on = !ends_straight_line(&decoded->instruction);

	if (walk->tracker.pushed != UNKNOWN_PUSHED)
		consider(walk, at, decoded->instruction.length);
	if (is_free(walk) && walk->tested && decoded->instruction.mnemonic == ZYDIS_MNEMONIC_JZ) {
		walk->before_null = walk->entry;
		walk->found_entry = false;
		goes_on = walk->past_null = true;
	}
	if (walk->kind == SITE_FREE_WITH_HEADER && walk->tested_alignment && decoded->instruction.mnemonic == ZYDIS_MNEMONIC_JNZ)
		goes_on = true;
	walk->tested = tests_argument(&walk->tracker, decoded);
	walk->tested_alignment = tests_alignment(&walk->tracker, decoded);
	step(&walk->tracker, decoded);
	return goes_on;
}

static void choose(struct walk *walk, struct sites *ret)
{
	if (walk->found_header) {
		ret->entry = walk->with_header;
		return;
	}
	if (walk->kind != SITE_CALL) {
		ret->entry = walk->found_entry || !walk->past_null ? walk->entry : walk->before_null;
		return;
	}
	/* one single step more than none makes the cheap place worthless */
	ret->entry = walk->found_entry && walk->found_return ? walk->entry : walk->first;
	ret->at_return = walk->found_entry && walk->found_return ? walk->at_return : walk->first;
}

void sites_choose(const struct function_code *code, enum site_kind kind, unsigned int arguments, struct sites *ret)
{
	struct walk walk = { .code = code, .kind = kind, .arguments = arguments };
	struct decoded decoded;
	bool readable = decode(code, 0, &decoded);
	size_t at = 0;

	for (int i = 0; i < MEMGAP_ARGUMENTS; i++)
		walk.tracker.holders[i] = bit(argument_registers[i]);
	/* does for everything, at the price of a single step */
	walk.first = make_site(code, 0, readable ? decoded.instruction.length : 0, &walk.tracker);
	walk.entry = walk.at_return = walk.first;
	for (int i = 0; i < MAX_INSTRUCTIONS && readable && !is_done(&walk) && take(&walk, at, &decoded); i++) {
		at += decoded.instruction.length;
		readable = decode(code, at, &decoded);
	}
	*ret = (struct sites){ 0 };
	choose(&walk, ret);
}

/* Bytes before the distance in CALL or JMP rel32 (1) and Jcc rel32 (2); 0: neither. */
static size_t opcode_length(const uint8_t *code)
{
	if (code[0] == 0xe8 || code[0] == 0xe9)
		return 1;
	return code[0] == 0x0f && (code[1] & 0xf0) == 0x80 ? 2 : 0;
}

int branch_targets_scan(struct branch_targets *targets, const struct function_code *code)
{
	uint64_t first = targets->functions[0], last = targets->functions[targets->n_functions - 1] + BRANCH_TARGETS_RANGE;

	for (size_t at = 0; at + 6 <= code->size; at++) {
		size_t opcode = opcode_length(code->bytes + at);
		int32_t distance;
		uint64_t target;
		int result;

		if (!opcode)
			continue;
		memcpy(&distance, code->bytes + at + opcode, sizeof(distance));
		target = code->offset + at + opcode + sizeof(distance) + (uint64_t)(int64_t)distance;
		result = target >= first && target <= last ? branch_targets_add(targets, target) : 0;
		if (result)
			return result;
	}
	return 0;
}

int branch_targets_decode(struct branch_targets *targets, const struct function_code *code)
{
	struct decoded decoded;

	for (size_t at = 0; decode(code, at, &decoded); at += decoded.instruction.length) {
		const ZydisDecodedOperand *operand = &decoded.operands[0];
		int result;

		if (!ends_straight_line(&decoded.instruction) || operand->type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
		    !operand->imm.is_relative)
			continue;
		result = branch_targets_add(targets, code->offset + at + decoded.instruction.length + (uint64_t)operand->imm.value.s);
		if (result)
			return result;
	}
	return 0;
}
