// SPDX-License-Identifier: GPL-2.0-only
/* Calls of a variable's methods, in machine code as Go's compiler writes it. */
#include "tests/unit/helpers.h"

#include "user/go/calls.h"

#define START 0x401000ULL

struct calls {
	unsigned int n;
	uint64_t target, argument; /* of the last */
};

static void note(void *data, uint64_t target, uint64_t argument)
{
	struct calls *calls = data;

	calls->n++;
	calls->target = target;
	calls->argument = argument;
}

/* In a copy of its own size, so that a sanitizer sees what is read behind the end. */
static struct calls scan(const uint8_t *code, size_t size)
{
	struct calls calls = { 0 };
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, code, size);
	calls_scan(copy, size, START, note, &calls);
	free(copy);
	return calls;
}

#if defined(__x86_64__)
#define LEA_RAX 0x48, 0x8d, 0x05, 0xf9, 0x0f, 0x00, 0x00 /* 0x1000 behind its start */
#define LEA_RBX 0x48, 0x8d, 0x1d, 0xf9, 0x0f, 0x00, 0x00
#define CALL 0xe8, 0xfb, 0xfe, 0xff, 0xff                /* 0x100 before its start */
#define NOPS 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90
#define OTHER 0x90
#elif defined(__aarch64__)
/* ADRP X0, 1 page on; ADD X0, X0, #0x10; ADRP, ADD of X1; BL 0x100 before its start; NOPs */
#define LEA_RAX 0x00, 0x00, 0x00, 0xb0, 0x00, 0x40, 0x00, 0x91
#define LEA_RBX 0x01, 0x00, 0x00, 0xb0, 0x21, 0x40, 0x00, 0x91
#define CALL 0xc0, 0xff, 0xff, 0x97
#define NOPS 0x1f, 0x20, 0x03, 0xd5, 0x1f, 0x20, 0x03, 0xd5, 0x1f, 0x20, 0x03, 0xd5, 0x1f, 0x20, 0x03, 0xd5
#define OTHER 0x1f, 0x20, 0x03, 0xd5
#endif

static void a_call_with_an_address_is_told(void **state)
{
	static const uint8_t code[] = { OTHER, LEA_RAX, OTHER, CALL, OTHER };
	static const uint8_t lea[] = { LEA_RAX }, other[] = { OTHER };
	const size_t call_at = sizeof(other) + sizeof(lea) + sizeof(other);
	struct calls calls = scan(code, sizeof(code));

	(void)state;
	assert_int_equal(calls.n, 1);
	assert_int_equal(calls.target, START + call_at - 0x100);
#if defined(__x86_64__)
	assert_int_equal(calls.argument, START + sizeof(other) + 0x1000);
#else
	assert_int_equal(calls.argument, START + 0x1010);
#endif
}

static void other_calls_are_not_told(void **state)
{
	static const uint8_t no_address[] = { OTHER, CALL, OTHER }, other_register[] = { LEA_RBX, CALL },
			     second_call[] = { LEA_RAX, CALL, CALL }, far[] = { LEA_RAX, NOPS, NOPS, NOPS, NOPS, NOPS, CALL };

	(void)state;
	assert_int_equal(scan(no_address, sizeof(no_address)).n, 0);
	assert_int_equal(scan(other_register, sizeof(other_register)).n, 0);
	assert_int_equal(scan(second_call, sizeof(second_call)).n, 1);
	assert_int_equal(scan(far, sizeof(far)).n, 0);
}

static void code_that_is_cut_short_is_not_read_behind_its_end(void **state)
{
	static const uint8_t code[] = { LEA_RAX, CALL };

	(void)state;
	for (size_t size = 0; size < sizeof(code); size++)
		assert_int_equal(scan(code, size).n, 0);
	assert_int_equal(scan(code, sizeof(code)).n, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_with_an_address_is_told),
		cmocka_unit_test(other_calls_are_not_told),
		cmocka_unit_test(code_that_is_cut_short_is_not_read_behind_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
