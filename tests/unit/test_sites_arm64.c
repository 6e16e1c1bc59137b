// SPDX-License-Identifier: GPL-2.0-only
/* Hand-assembled functions of arm64, and the one place in each that is right: Arm Architecture Reference Manual. */
#include "tests/unit/helpers.h"

#include "user/allocator/sites_arm64.h"

#define BTI_C 0xd503245f
#define NOP 0xd503201f
#define PACIASP 0xd503233f
#define STP_FP_LR 0xa9be7bfd     /* stp x29, x30, [sp, #-32]! */
#define ADRP_X3 0x90000003
#define ADRP_X0 0x90000000
#define CBZ_X0 0xb4000100        /* to 32 bytes on */
#define CBZ_X1 0xb4000101
#define CBZ_W0 0x34000100
#define CMP_X0_1 0xf100041f
#define TST_X0_15 0xf2400c1f
#define MOV_X3_X0 0xaa0003e3
#define MOV_X0_X3 0xaa0303e0
#define MOV_X30_X3 0xaa0303fe
#define MOVZ_X4 0xd2800024
#define MOVZ_X1 0xd2800021
#define SUB_SP 0xd10083ff        /* sub sp, sp, #32 */
#define SUB_X5_X0 0xd1004005     /* sub x5, x0, #16 */
#define LDR_X6_X0 0xf9400406     /* ldr x6, [x0, #8] */
#define LDR_X2_X0 0xf9400402
#define LDUR_X6_X0 0xf85f8006    /* ldur x6, [x0, #-8]: not known here */
#define BNE 0x54000081
#define B_FORWARD 0x14000010
#define B_BACK 0x17fffffe        /* to 8 bytes before */
#define BL 0x94000010
#define TBNZ_X0 0x37000080
#define RET 0xd65f03c0

struct row {
	const char *name;
	uint32_t code[8];
	enum site_kind kind;
	uint32_t entry;
	bool emulated;
};

static struct sites choose(const uint32_t *instructions, size_t n, enum site_kind kind)
{
	struct function_code code = { (const uint8_t *)instructions, 4 * n, 0x1000, NULL, NULL };
	struct branch_targets targets;
	const uint64_t start = 0x1000;
	struct sites sites;

	assert_int_equal(branch_targets_init(&targets, &start, 1), 0);
	assert_int_equal(arm64_branch_targets_scan(&targets, &code), 0);
	branch_targets_sort(&targets);
	code.targets = &targets;
	arm64_sites_choose(&code, kind, &sites);
	branch_targets_free(&targets);
	return sites;
}

static void the_first_simulated_instruction_before_anything_is_lost(void **state)
{
	static const struct row rows[] = {
		{ "adrp first", { ADRP_X3, RET }, SITE_CALL, 0, true },
		{ "adrp to an argument's register is seen before it is executed", { ADRP_X0, RET }, SITE_CALL, 0, true },
		{ "a branch after a landing", { BTI_C, BNE, RET }, SITE_CALL, 4, true },
		{ "after a compare", { CMP_X0_1, BNE, RET }, SITE_CALL, 4, true },
		{ "after a test, a copy, a constant", { TST_X0_15, MOV_X3_X0, MOVZ_X4, TBNZ_X0, RET }, SITE_CALL, 12, true },
		{ "after arithmetic and a load", { SUB_X5_X0, LDR_X6_X0, NOP, CBZ_X1, RET }, SITE_CALL, 12, true },
		{ "a jump", { B_FORWARD }, SITE_CALL, 0, true },
		{ "the return address is signed", { PACIASP, ADRP_X3, RET }, SITE_CALL, 0, false },
		{ "a frame is made", { STP_FP_LR, ADRP_X3, RET }, SITE_CALL, 0, false },
		{ "the stack is moved", { SUB_SP, ADRP_X3, RET }, SITE_CALL, 0, false },
		{ "an argument is overwritten", { MOV_X0_X3, ADRP_X3, RET }, SITE_CALL, 0, false },
		{ "another one", { MOVZ_X1, ADRP_X3, RET }, SITE_CALL, 0, false },
		{ "the third, by a load", { LDR_X2_X0, ADRP_X3, RET }, SITE_CALL, 0, false },
		{ "the return address is overwritten", { MOV_X30_X3, ADRP_X3, RET }, SITE_CALL, 0, false },
		{ "something that is not known", { LDUR_X6_X0, ADRP_X3, RET }, SITE_CALL, 0, false },
		{ "a call changes x30", { BL, ADRP_X3, RET }, SITE_CALL, 0, false },
		{ "it ends", { RET, ADRP_X3 }, SITE_CALL, 0, false },
		{ "a loop leads there", { NOP, ADRP_X3, NOP, B_BACK, RET }, SITE_CALL, 0, false },
		{ "free, past its test for NULL", { CBZ_X0, ADRP_X3, RET }, SITE_FREE, 4, true },
		{ "free, nothing past it", { CBZ_X0, STP_FP_LR, RET }, SITE_FREE, 0, true },
		{ "free, a test of half of it", { CBZ_W0, ADRP_X3, RET }, SITE_FREE, 0, true },
		{ "malloc has no such test", { CBZ_X0, ADRP_X3, RET }, SITE_CALL, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sites sites = choose(rows[i].code, COUNT_OF(rows[i].code), rows[i].kind);

		check_row(rows[i].name, sites.entry.offset == rows[i].entry && sites.entry.emulated == rows[i].emulated);
		check_row(rows[i].name, rows[i].kind != SITE_CALL || sites.at_return.offset == rows[i].entry);
		check_row(rows[i].name, !sites.entry.pushed && sites.entry.registers[0] == 0 && sites.entry.registers[2] == 2);
		check_row(rows[i].name, sites.entry.length == 4 &&
					!memcmp(sites.entry.bytes, &rows[i].code[rows[i].entry / 4], 4));
	}
}

static void calls_and_jumps_lead_forward_and_back(void **state)
{
	static const uint32_t instructions[] = { BL, B_BACK, BNE };
	struct function_code code = { (const uint8_t *)instructions, sizeof(instructions), 0x1000, NULL, NULL };
	uint64_t target;

	(void)state;
	assert_true(arm64_call_target(&code, 0, &target));
	assert_true(target == 0x1040);
	assert_true(arm64_jump_target(&code, 4, &target));
	assert_true(target == 0x1004 - 8);
	assert_false(arm64_jump_target(&code, 0, &target));
	assert_false(arm64_call_target(&code, 8, &target));
	assert_false(arm64_jump_target(&code, 12, &target)); /* past the end */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_simulated_instruction_before_anything_is_lost),
		cmocka_unit_test(calls_and_jumps_lead_forward_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
