// SPDX-License-Identifier: GPL-2.0-only
/* Hand-assembled functions, and the one place in each that is right: Intel SDM, System V ABI. */
#include "tests/unit/helpers.h"

#include "user/allocator/sites.h"

enum { RAX = 0, RDX = 2, RBX = 3, RSI = 6, RDI = 7, R8 = 8 };

#define ENDBR64 "\xf3\x0f\x1e\xfa"
#define PUSH_RBX "\x53"
#define PUSH_RBP "\x55"
#define PUSH_R12 "\x41\x54"
#define MOV_RBX_RDI "\x48\x89\xfb"
#define MOV_EBX_EDI "\x89\xfb"
#define MOV_RDI_RAX "\x48\x89\xc7"
#define XOR_EDI_EDI "\x31\xff"
#define TEST_RDI_RDI "\x48\x85\xff"
#define TEST_RSI_RSI "\x48\x85\xf6"
#define JE_8 "\x74\x08"
#define JE_32 "\x0f\x84\x00\x10\x00\x00"
#define JNE_8 "\x75\x08"
#define SUB_RSP_24 "\x48\x83\xec\x18"
#define ADD_RSP_24 "\x48\x83\xc4\x18"
#define AND_RSP_32 "\x48\x83\xe4\xe0"
#define POP_RBX "\x5b"
#define CALL "\xe8\x00\x10\x00\x00"
#define RET "\xc3"
#define MUL_RDX "\x48\xf7\xe2"
#define LOAD_RAX "\x48\x8b\x47\xf8"     /* mov rax, [rdi - 8] */
#define LOAD_RAX_RBX "\x48\x8b\x43\xf8"
#define LOAD_R8 "\x4c\x8b\x47\xf8"
#define TEST_DIL_15 "\x40\xf6\xc7\x0f"
#define TEST_DIL_7 "\x40\xf6\xc7\x07"
#define TEST_SIL_15 "\x40\xf6\xc6\x0f"
#define JNE_32 "\x0f\x85\x00\x10\x00\x00"
#define NO_CODE "\x06" /* PUSH ES is no instruction of 64-bit mode */

struct row {
	const char *name, *code;
	size_t size;
	unsigned int arguments;
	uint32_t entry, at_return;
	bool emulated;
	uint8_t pushed, register_0;
};

#define CODE(text) text, sizeof(text) - 1

static struct sites choose(const char *code, size_t size, enum site_kind kind, unsigned int arguments)
{
	struct branch_targets targets = { 0 };
	struct function_code function = { (const uint8_t *)code, size, 0x1000, &targets, NULL };
	struct sites sites;

	sites_choose(&function, kind, arguments, &sites);
	return sites;
}

static void a_call_is_probed_where_entry_and_return_cost_one_cheap_trap(void **state)
{
	static const struct row rows[] = {
		{ "a push first", CODE(PUSH_R12 PUSH_RBP RET), 1, 0, 0, true, 0, RDI },
		{ "a push after endbr64", CODE(ENDBR64 PUSH_RBX RET), 1, 4, 4, true, 0, RDI },
		{ "a test, then a branch", CODE(TEST_RSI_RSI JNE_8 PUSH_RBX RET), 1, 3, 3, true, 0, RDI },
		{ "the argument is in a copy", CODE(MOV_RBX_RDI XOR_EDI_EDI PUSH_RBP RET), 1, 5, 5, true, 0, RBX },
		{ "half a copy is none", CODE(MOV_EBX_EDI XOR_EDI_EDI PUSH_RBP RET), 1, 0, 0, false, 0, RDI },
		{ "overwritten before", CODE(MOV_RDI_RAX PUSH_RBX RET), 1, 0, 0, false, 0, RDI },
		{ "overwritten by what is not written down", CODE(MUL_RDX PUSH_RBX RET), 3, 0, 0, false, 0, RDI },
		{ "that does not matter for one argument", CODE(MUL_RDX PUSH_RBX RET), 1, 3, 3, true, 0, RDI },
		{ "the stack is as it was again", CODE(SUB_RSP_24 ADD_RSP_24 PUSH_RBX RET), 1, 8, 8, true, 0, RDI },
		{ "the stack has moved", CODE(SUB_RSP_24 PUSH_RBX RET), 1, 0, 0, false, 0, RDI },
		{ "the stack is anywhere", CODE(AND_RSP_32 PUSH_RBX RET), 1, 0, 0, false, 0, RDI },
		{ "a call first", CODE(CALL PUSH_RBX RET), 1, 0, 0, false, 0, RDI },
		{ "it ends before", CODE(RET PUSH_RBX), 1, 0, 0, false, 0, RDI },
		{ "it cannot be decoded", CODE(ENDBR64 NO_CODE PUSH_RBX), 1, 0, 0, false, 0, RDI },
		{ "a prefix is refused by the kernel", CODE("\x66" PUSH_RBX RET), 1, 0, 0, false, 0, RDI },
		{ "a branch hint too", CODE(ENDBR64 "\x3e" JNE_8 RET), 1, 0, 0, false, 0, RDI },
		{ "a jump", CODE("\xe9\x00\x10\x00\x00"), 1, 0, 0, true, 0, RDI },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sites sites = choose(rows[i].code, rows[i].size, SITE_CALL, rows[i].arguments);

		check_row(rows[i].name, sites.entry.offset == rows[i].entry && sites.at_return.offset == rows[i].at_return);
		check_row(rows[i].name, sites.entry.emulated == rows[i].emulated && sites.at_return.emulated == rows[i].emulated);
		check_row(rows[i].name, sites.entry.pushed == rows[i].pushed && sites.at_return.pushed == 0);
		check_row(rows[i].name, sites.entry.registers[0] == rows[i].register_0);
	}
}

/* The return probe needs the stack as it was, where the argument is not known yet; two cheap traps beat a single step. */
static void entry_and_return_may_be_apart(void **state)
{
	/* at the first push nothing is pushed, but rdx is lost only after it */
	static const char code[] = PUSH_RBX "\x48\x89\xd0" PUSH_RBP RET; /* push rbx; mov rax, rdx; push rbp */
	struct sites sites = choose(code, sizeof(code) - 1, SITE_CALL, 3);

	(void)state;
	assert_int_equal(sites.entry.offset, 0);
	assert_int_equal(sites.at_return.offset, 0);
}

static void a_free_is_probed_past_its_test_for_null(void **state)
{
	static const struct row rows[] = {
		{ "glibc 2.36", CODE(TEST_RDI_RDI JE_32 PUSH_RBP RET), 1, 9, 0, true, 0, RDI },
		{ "a short branch", CODE(TEST_RDI_RDI JE_8 PUSH_RBP RET), 1, 5, 0, true, 0, RDI },
		{ "with endbr64", CODE(ENDBR64 TEST_RDI_RDI JE_32 PUSH_RBP RET), 1, 13, 0, true, 0, RDI },
		{ "a push before and after", CODE(PUSH_RBX TEST_RDI_RDI JE_8 PUSH_RBP RET), 1, 6, 0, true, 1, RDI },
		{ "nothing cheap past it", CODE(TEST_RDI_RDI JE_8 CALL RET), 1, 3, 0, true, 0, RDI },
		{ "nothing cheap past it, but before", CODE(PUSH_RBX TEST_RDI_RDI JE_8 CALL RET), 1, 0, 0, true, 0, RDI },
		{ "a test of something else", CODE(TEST_RSI_RSI JE_8 PUSH_RBP RET), 1, 3, 0, true, 0, RDI },
		{ "the other branch", CODE(TEST_RDI_RDI JNE_8 PUSH_RBP RET), 1, 3, 0, true, 0, RDI },
		{ "the argument in a copy", CODE(MOV_RBX_RDI XOR_EDI_EDI "\x48\x85\xdb" JE_8 PUSH_RBP RET), 1, 10, 0, true, 0, RBX },
		{ "a lost argument", CODE(TEST_RDI_RDI JE_8 XOR_EDI_EDI PUSH_RBP RET), 1, 3, 0, true, 0, RDI },
		{ "with something pushed", CODE(SUB_RSP_24 PUSH_RBX RET), 1, 4, 0, true, 3, RDI },
		{ "nothing cheap at all", CODE(ENDBR64 RET), 1, 0, 0, false, 0, RDI },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sites sites = choose(rows[i].code, rows[i].size, SITE_FREE, 1);

		check_row(rows[i].name, sites.entry.offset == rows[i].entry && sites.entry.emulated == rows[i].emulated);
		check_row(rows[i].name, sites.entry.pushed == rows[i].pushed && sites.entry.registers[0] == rows[i].register_0);
	}
}

/* In the order of glibc 2.36, and of 2.43 and later. */
static void a_free_is_best_probed_where_the_block_s_size_is_in_a_register(void **state)
{
	static const struct {
		const char *name, *code;
		size_t size;
		uint32_t entry;
		uint8_t pushed, header;
		bool has_header;
	} rows[] = {
		{ "glibc 2.36", CODE(TEST_RDI_RDI JE_32 PUSH_RBP PUSH_RBX SUB_RSP_24 LOAD_RAX JNE_8), 19, 5, RAX, true },
		{ "a test for misalignment", CODE(TEST_RDI_RDI JE_32 TEST_DIL_15 JNE_32 LOAD_R8 JNE_8), 23, 0, R8, true },
		{ "of half of that", CODE(TEST_RDI_RDI JE_32 TEST_DIL_7 JNE_32 LOAD_R8 JNE_8), 13, 0, 0, false },
		{ "of something else", CODE(TEST_RDI_RDI JE_32 TEST_SIL_15 JNE_32 LOAD_R8 JNE_8), 13, 0, 0, false },
		{ "the other branch", CODE(TEST_RDI_RDI JE_32 TEST_DIL_15 JE_32 LOAD_R8 JNE_8), 13, 0, 0, false },
		{ "through a copy", CODE(MOV_RBX_RDI LOAD_RAX_RBX JNE_8), 7, 0, RAX, true },
		{ "overwritten again", CODE(PUSH_RBP LOAD_RAX MUL_RDX JNE_8), 0, 0, 0, false },
		{ "another word", CODE(PUSH_RBP "HGð" JNE_8), 0, 0, 0, false },      /* mov rax, [rdi - 16] */
		{ "half a word", CODE(PUSH_RBP "Gø" JNE_8), 0, 0, 0, false },           /* mov eax, [rdi - 8] */
		{ "of the thread's own", CODE(PUSH_RBP "dHGø" JNE_8), 0, 0, 0, false }, /* mov rax, fs:[rdi - 8] */
		{ "with an index", CODE(PUSH_RBP "HD7ø" JNE_8), 0, 0, 0, false }, /* mov rax, [rdi + rsi - 8] */
		{ "the block is lost by then", CODE(PUSH_RBP LOAD_RAX XOR_EDI_EDI JNE_8), 0, 0, 0, false },
		{ "loaded nowhere", CODE(TEST_RDI_RDI JE_32 PUSH_RBP RET), 9, 0, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct site site = choose(rows[i].code, rows[i].size, SITE_FREE_WITH_HEADER, 1).entry;

		check_row(rows[i].name, site.offset == rows[i].entry && site.emulated && site.pushed == rows[i].pushed);
		check_row(rows[i].name, site.has_header == rows[i].has_header);
		check_row(rows[i].name, !site.has_header || site.header == rows[i].header);
	}
}

static void the_instruction_itself_is_kept_for_comparison(void **state)
{
	struct sites sites = choose(CODE(ENDBR64 PUSH_R12 RET), SITE_CALL, 1);

	(void)state;
	assert_int_equal(sites.entry.length, 2);
	assert_memory_equal(sites.entry.bytes, PUSH_R12, 2);
}

static void no_code_at_all_is_probed_at_its_start_with_nothing_to_compare(void **state)
{
	struct sites sites = choose("", 0, SITE_CALL, 1);

	(void)state;
	assert_int_equal(sites.entry.offset, 0);
	assert_int_equal(sites.entry.length, 0);
	assert_false(sites.entry.emulated);
}

/* A loop back to the second instruction would hit a probe there without a call. */
static void a_place_that_a_branch_leads_to_is_avoided(void **state)
{
	static const struct {
		const char *name, *code;
		size_t size;
	} rows[] = {
		{ "a short jump back", CODE(ENDBR64 PUSH_RBX PUSH_RBP "\xeb\xfc" RET) },              /* at 6, to 8 - 4 */
		{ "a conditional one", CODE(ENDBR64 PUSH_RBX PUSH_RBP "\x75\xfc" RET) },
		{ "a long one", CODE(ENDBR64 PUSH_RBX PUSH_RBP "\xe9\xf9\xff\xff\xff" RET) },         /* at 6, to 11 - 7 */
		{ "a long conditional one", CODE(ENDBR64 PUSH_RBX PUSH_RBP "\x0f\x84\xf8\xff\xff\xff" RET) },
		{ "a call", CODE(ENDBR64 PUSH_RBX PUSH_RBP "\xe8\xf9\xff\xff\xff" RET) },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct branch_targets targets, inner;
		struct function_code function = { (const uint8_t *)rows[i].code, rows[i].size, 0x1000, &targets, NULL };
		const uint64_t start = 0x1000;
		struct sites sites;

		assert_int_equal(branch_targets_init(&targets, &start, 1), 0);
		assert_int_equal(branch_targets_init(&inner, &start, 1), 0);
		assert_int_equal(branch_targets_decode(&inner, &function), 0);
		branch_targets_sort(&inner);
		/* as a branch of somebody else's: only the very place is avoided */
		assert_int_equal(branch_targets_add(&targets, 0x1004), 0);
		branch_targets_sort(&targets);
		sites_choose(&function, SITE_FREE, 1, &sites);
		check_row(rows[i].name, sites.entry.offset == 5 && sites.entry.pushed == 1);
		/* of its own: what comes after it is reached again, too */
		function.inner = &inner;
		sites_choose(&function, SITE_FREE, 1, &sites);
		check_row(rows[i].name, sites.entry.offset == 0 && !sites.entry.emulated);
		branch_targets_free(&targets);
		branch_targets_free(&inner);
	}
}

/* Code of nothing but branches to one function: more than any real file has. */
static void a_file_made_of_branches_is_refused(void **state)
{
	enum { CALLS = 100000 };
	uint8_t *code = malloc(5 * CALLS);
	struct function_code function = { code, 5 * CALLS, 0x1000, NULL, NULL };
	const uint64_t start = 0;
	struct branch_targets targets;

	(void)state;
	for (int i = 0; i < CALLS; i++) {
		int32_t distance = 4 - (0x1000 + 5 * (i + 1)); /* to offset 4 */

		code[5 * i] = 0xe8;
		memcpy(&code[5 * i + 1], &distance, sizeof(distance));
	}
	assert_int_equal(branch_targets_init(&targets, &start, 1), 0);
	assert_int_equal(branch_targets_scan(&targets, &function), -E2BIG);
	branch_targets_free(&targets);
	free(code);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_probed_where_entry_and_return_cost_one_cheap_trap),
		cmocka_unit_test(entry_and_return_may_be_apart),
		cmocka_unit_test(a_free_is_probed_past_its_test_for_null),
		cmocka_unit_test(a_free_is_best_probed_where_the_block_s_size_is_in_a_register),
		cmocka_unit_test(the_instruction_itself_is_kept_for_comparison),
		cmocka_unit_test(no_code_at_all_is_probed_at_its_start_with_nothing_to_compare),
		cmocka_unit_test(a_place_that_a_branch_leads_to_is_avoided),
		cmocka_unit_test(a_file_made_of_branches_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
