/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program under proof. It runs with any libc and has none itself: it finds the functions by symbols that need not be
 * there, and speaks to the kernel directly, so that nothing but what it means to call is ever called.
 */
#ifndef MEMGAP_TESTS_PROOF_CALLER_H
#define MEMGAP_TESTS_PROOF_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a function takes, and what is to be done with what it gives. */
enum shape {
	MAKE_SIZE,           /* (size) */
	MAKE_SIZE_TAG,       /* (size, std::nothrow) */
	MAKE_SIZE_ALIGN,     /* (size, alignment) */
	MAKE_SIZE_ALIGN_TAG, /* (size, alignment, std::nothrow) */
	MAKE_ALIGN_SIZE,     /* (alignment, size) */
	MAKE_COUNT_SIZE,     /* (count, size) */
	MAKE_ZEROED,         /* the same, filled with 0 */
	MAKE_SMALL,          /* (size), up to 1 KiB */
	MAKE_STORED,         /* posix_memalign */
	REMAKE_SIZE,         /* realloc */
	REMAKE_COUNT_SIZE,   /* reallocarray */
	REMAKE_SIZE_ALIGN,   /* (block, size, alignment) */
	RESIZE,              /* xallocx: stays where it is, returns its size */
	RELEASE,             /* (block) */
	RELEASE_SIZE,
	RELEASE_TAG,
	RELEASE_ALIGN,
	RELEASE_SIZE_ALIGN,
	RELEASE_ALIGN_SIZE,  /* free_aligned_sized */
	RELEASE_ALIGN_TAG,
	NO_BLOCK,            /* () */
};

/* Blocks of one class can be released by what is of it. OWN: an allocator's own, where a size of 0 or a NULL may be a fault. */
enum class { MALLOC, NEW, NEW_ARRAY, NEW_ALIGNED, NEW_ARRAY_ALIGNED, OWN };

struct function {
	const char *name;
	void *address; /* NULL: no library has it */
	enum shape shape;
	enum class class;
	bool named; /* by an argument: it is to be called */
};

/* Ends with a NULL name. */
extern struct function functions[];

struct block {
	uint8_t *bytes;
	size_t size, alignment;
	uint8_t pattern;
};

/* What the kernel put on the stack: the count of the arguments, then the arguments. */
__attribute__((noreturn)) void start(const uint64_t *stack);

/* Calls a function of the library and reports how it went. */
uint64_t call(const struct function *function, uint64_t a, uint64_t b, uint64_t c);

/* All that is done with one function. */
void exercise(const struct function *function);

/* A line on stdout, words apart: text and numbers in hexadecimal. */
void say(const char *text);
void say_number(uint64_t number);
void say_end(void);
/* Something is wrong with the memory that was handed out. */
void complain(const char *what, const struct function *function, uint64_t detail);

#endif
