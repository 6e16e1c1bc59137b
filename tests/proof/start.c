// SPDX-License-Identifier: GPL-2.0-only
/* How the program begins when its libraries are loaded: it has nothing of a libc's start. */
#include "tests/proof/caller.h"

/* Without a loader's name glibc's takes a file for one that needs none. It is the loader that is run, with this as its argument. */
__attribute__((section(".interp"), used)) static const char loader[] = "ld.so";

__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call start\n");
