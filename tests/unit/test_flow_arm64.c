// SPDX-License-Identifier: GPL-2.0-only
/* Instructions of arm64, as the assembler has them, and what each does to the flow: Arm Architecture Reference Manual. */
#include "tests/unit/helpers.h"

#include "user/allocator/flow.h"

#define START 0x10000ULL

static void each_instruction_goes_on_returns_branches_or_is_not_followed(void **state)
{
	static const struct {
		const char *name;
		uint32_t instruction;
		enum flow_kind kind;
		uint64_t target;
	} rows[] = {
		{ "ret", 0xd65f03c0, FLOW_RETURNS, 0 },
		{ "ret x1", 0xd65f0020, FLOW_UNKNOWN, 0 },
		{ "retaa", 0xd65f0bff, FLOW_UNKNOWN, 0 },
		{ "br x16", 0xd61f0200, FLOW_UNKNOWN, 0 },
		{ "braa x0, sp", 0xd71f081f, FLOW_UNKNOWN, 0 },
		{ "udf #0", 0x00000000, FLOW_UNKNOWN, 0 },
		{ "blr x1", 0xd63f0020, FLOW_GOES_ON, 0 },
		{ "paciasp", 0xd503233f, FLOW_GOES_ON, 0 },
		{ "stp x29, x30, [sp, #-32]!", 0xa9be7bfd, FLOW_GOES_ON, 0 },
		{ "bl 64 bytes on", 0x94000010, FLOW_GOES_ON, 0 },
		{ "b 64 bytes on", 0x14000010, FLOW_BRANCHES, START + 64 },
		{ "b 8 bytes back", 0x17fffffe, FLOW_BRANCHES, START - 8 },
		{ "b.ne 16 bytes on", 0x54000081, FLOW_BRANCHES, START + 16 },
		{ "cbz x0, 32 bytes on", 0xb4000100, FLOW_BRANCHES, START + 32 },
		{ "tbnz w0, #0, 16 bytes on", 0x37000080, FLOW_BRANCHES, START + 16 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct flow_step step = flow_step_arm64((const uint8_t *)&rows[i].instruction, 4, START);

		check_row(rows[i].name, step.kind == rows[i].kind && step.length == 4);
		check_row(rows[i].name, step.kind != FLOW_BRANCHES || step.target == rows[i].target);
		check_row(rows[i].name, flow_step_arm64((const uint8_t *)&rows[i].instruction, 3, START).kind == FLOW_UNKNOWN);
	}
}

/* adrp x16, a page on; ldr x17, [x16, #8]; add x16, x16, #8; br x17 */
#define ADRP 0xb0000010
#define ADRP_BACK 0xf0fffff0 /* a page back */
#define LDR 0xf9400611
#define ADD 0x91002210
#define BR 0xd61f0220
#define BTI_C 0xd503245f
#define NOP 0xd503201f

static void an_entry_of_the_linkage_table_is_known_with_its_slot(void **state)
{
	static const struct {
		const char *name;
		uint32_t code[FLOW_LINKAGE_BYTES / 4];
		uint64_t slot; /* 0: it is none */
	} rows[] = {
		{ "an entry", { ADRP, LDR, ADD, BR }, 0x11008 },
		{ "after a landing", { BTI_C, ADRP, LDR, ADD, BR }, 0x11008 },
		{ "its slot before it", { ADRP_BACK, LDR, ADD, BR }, 0xf008 },
		{ "another register", { ADRP, LDR, ADD, BR - 0x20 }, 0 },
		{ "no load", { ADRP, ADD, ADD, BR }, 0 },
		{ "no page", { NOP, LDR, ADD, BR }, 0 },
		{ "a landing too many", { BTI_C, BTI_C, ADRP, LDR, ADD }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t slot = 0;

		check_row(rows[i].name, flow_linkage_arm64((const uint8_t *)rows[i].code, START, &slot) == !!rows[i].slot);
		check_row(rows[i].name, slot == rows[i].slot);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_instruction_goes_on_returns_branches_or_is_not_followed),
		cmocka_unit_test(an_entry_of_the_linkage_table_is_known_with_its_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
