// SPDX-License-Identifier: GPL-2.0-only
#include "user/go/calls.h"

#include <stdbool.h>

#include "user/memory/word.h"

/* Between the two there are at most other arguments. */
#define MAX_DISTANCE 64

#if defined(__x86_64__)
/* Intel SDM: LEA RAX, [RIP + disp32], 7 bytes with a REX.W; CALL rel32, 5. Both count from the next instruction. */
static bool is_address(const uint8_t *code, size_t left, uint64_t address, uint64_t *ret)
{
	if (left < 7 || code[0] != 0x48 || code[1] != 0x8d || code[2] != 0x05)
		return false;
	*ret = address + 7 + (uint64_t)(int64_t)(int32_t)word32(code + 3);
	return true;
}

static bool is_call(const uint8_t *code, size_t left, uint64_t address, uint64_t *ret)
{
	if (left < 5 || code[0] != 0xe8)
		return false;
	*ret = address + 5 + (uint64_t)(int64_t)(int32_t)word32(code + 1);
	return true;
}

#define STEP 1 /* instructions begin anywhere */
#elif defined(__aarch64__)
/* Arm ARM: ADRP X0, page; ADD X0, X0, #imm12 */
static bool is_address(const uint8_t *code, size_t left, uint64_t address, uint64_t *ret)
{
	uint32_t adrp, add, pages;

	if (left < 8)
		return false;
	adrp = word32(code);
	add = word32(code + 4);
	if ((adrp & 0x9f00001f) != 0x90000000 || (add & 0xffc003ff) != 0x91000000)
		return false;
	pages = (adrp >> 5 & 0x7ffff) << 2 | (adrp >> 29 & 3);
	/* 21 bits with a sign */
	*ret = (address & ~0xfffULL) + ((uint64_t)(int64_t)(int32_t)(pages << 11) << 1) + (add >> 10 & 0xfff);
	return true;
}

/* BL */
static bool is_call(const uint8_t *code, size_t left, uint64_t address, uint64_t *ret)
{
	uint32_t bl;

	if (left < 4)
		return false;
	bl = word32(code);
	if ((bl & 0xfc000000) != 0x94000000)
		return false;
	*ret = address + (uint64_t)((int64_t)(int32_t)(bl << 6) >> 4);
	return true;
}

#define STEP 4
#endif

void calls_scan(const uint8_t *code, size_t size, uint64_t address, void (*found)(void *data, uint64_t target, uint64_t argument),
		void *data)
{
	uint64_t argument = 0, target;
	size_t last = 0; /* just behind where an address was put there; 0: it is not there */

	for (size_t at = 0; at < size; at += STEP) {
		if (is_address(code + at, size - at, address + at, &argument)) {
			last = at + 1;
		} else if (last && at - last < MAX_DISTANCE && is_call(code + at, size - at, address + at, &target)) {
			found(data, target, argument);
			last = 0; /* the call changes the register */
		}
	}
}
