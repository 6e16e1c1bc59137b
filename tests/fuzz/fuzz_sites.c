// SPDX-License-Identifier: GPL-2.0-only
/* Where a function is probed, whatever its bytes are: never but on an instruction, and never where its own branches lead. */
#include "tests/fuzz/fuzz.h"

#include <Zydis/Zydis.h>

#include "user/allocator/sites.h"
#include "user/allocator/sites_arm64.h"

#define MOST_INSTRUCTIONS 32

static const uint64_t offsets[] = { 0, 0x1000, 0x7fffffff0000, UINT64_MAX - 64 };

/* How long the instruction at this place of the code is, as decoding from its start has it; 0: none begins there. */
static size_t instruction_at(const struct function_code *code, size_t place)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction instruction;
	ZydisDecoder decoder;
	size_t at = 0;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (int i = 0; i <= MOST_INSTRUCTIONS && at <= place && at < code->size; i++) {
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code->bytes + at, code->size - at, &instruction, operands)))
			return 0;
		if (at == place)
			return instruction.length;
		at += instruction.length;
	}
	return 0;
}

static void check_bytes(const struct function_code *code, const struct site *site)
{
	assert_true(site->length <= SITE_BYTES_MAX);
	assert_true(!site->length || (site->offset < code->size && site->length <= code->size - site->offset));
	assert_true(!memcmp(site->bytes, code->bytes + (site->length ? site->offset : 0), site->length));
	for (int i = 0; i < MEMGAP_ARGUMENTS; i++)
		assert_true(site->registers[i] < 32);
}

static void check(const struct function_code *code, const struct site *site)
{
	uint64_t place = code->offset + site->offset;

	check_bytes(code, site);
	assert_true(site->length == instruction_at(code, site->offset));
	assert_true(!site->emulated || site->length);
	if (site->offset)
		assert_true(site->emulated && !branch_targets_lead_into(code->targets, place - 1, place));
}

static void check_arm64(const struct function_code *code, const struct site *site)
{
	check_bytes(code, site);
	assert_true(site->offset % 4 == 0 && (site->length == 4 || !site->length));
}

static void choose(struct function_code *code, enum site_kind kind, unsigned int arguments, bool arm64)
{
	struct sites sites;

	if (arm64) {
		arm64_sites_choose(code, kind, &sites);
		check_arm64(code, &sites.entry);
		return;
	}
	sites_choose(code, kind, arguments, &sites);
	check(code, &sites.entry);
	if (kind == SITE_CALL)
		check(code, &sites.at_return);
}

static int find_branches(struct branch_targets *targets, const struct function_code *code, bool arm64)
{
	uint64_t target;
	int result;

	if (arm64) {
		arm64_call_target(code, arm64_has_landing(code) ? 4 : 0, &target);
		arm64_jump_target(code, 0, &target);
		return arm64_branch_targets_scan(targets, code);
	}
	result = branch_targets_scan(targets, code);
	return result ? result : branch_targets_decode(targets, code);
}

/* How it is to be probed, of which machine it is, whether a branch from elsewhere leads into it; then its code. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	uint8_t choice = take8(&input), elsewhere = take8(&input);
	enum site_kind kind = choice & 3;
	unsigned int arguments = (choice >> 2 & 3) % (MEMGAP_ARGUMENTS + 1);
	bool arm64 = choice & 16;
	struct branch_targets targets, none = { 0 };
	struct function_code code = { .bytes = input.at, .size = input.left, .offset = offsets[choice >> 5 & 3], .targets = &targets };

	if (branch_targets_init(&targets, &code.offset, 1))
		return 0;
	if (!find_branches(&targets, &code, arm64) && !branch_targets_add(&targets, code.offset + elsewhere)) {
		branch_targets_sort(&targets);
		code.inner = choice & 0x80 ? &none : NULL;
		choose(&code, kind, arguments, arm64);
	}
	branch_targets_free(&targets);
	return 0;
}
