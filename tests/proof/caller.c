// SPDX-License-Identifier: GPL-2.0-only
/*
 * caller FUNCTION...: calls each of the functions in every way, on a line on stdin, and prints a line a call:
 * "call NUMBER FUNCTION ADDRESS A B C RETURN-ADDRESS RESULT BLOCK DAMAGE". Ends when stdin does.
 */
#include "tests/proof/caller.h"

/* Read from outside at each hit: which call this is. */
static volatile uint64_t call_number;
static uint64_t n_calls;
static char line[512];
static size_t line_length;

static uint64_t stored_block; /* by posix_memalign */

struct outcome {
	uint64_t result, return_address, damage;
};

void call_here(void *function, const uint64_t arguments[3], struct outcome *ret);
void call_there(void *function, const uint64_t arguments[3], struct outcome *ret);

/*
 * Two places to call from, in turn, so that a return address left on the stack by the call before is not taken for this
 * one's. All registers that a function has to preserve (System V ABI, 3.2.1) hold a known value meanwhile; `damage`
 * has the bits that differ afterwards. The others that do not carry arguments hold what cannot be taken for one; a
 * fourth argument (xallocx) is 0.
 */
#define PLACE(name)                                                   \
	".globl " name "\n.type " name ",@function\n" name ":\n"      \
	"	push %rbx; push %rbp; push %r12; push %r13\n"         \
	"	push %r14; push %r15; push %rdx\n"                    \
	"	mov %rdi, %r11\n"                                     \
	"	mov (%rsi), %rdi\n"                                   \
	"	mov 16(%rsi), %rdx\n"                                 \
	"	mov 8(%rsi), %rsi\n"                                  \
	"	movabs $0x5bad5bad5bad5bad, %rbx\n"                   \
	"	mov %rsp, %rbp\n"                                     \
	"	mov %rbx, %r12; mov %rbx, %r13; mov %rbx, %r14\n"     \
	"	mov %rbx, %r15; xor %ecx, %ecx; mov %rbx, %r8\n"      \
	"	mov %rbx, %r9; mov %rbx, %r10; mov %rbx, %rax\n"      \
	"	call *%r11\n"                                         \
	"1:	pop %rcx\n"                                           \
	"	mov %rax, (%rcx)\n"                                   \
	"	lea 1b(%rip), %rax\n"                                 \
	"	mov %rax, 8(%rcx)\n"                                  \
	"	movabs $0x5bad5bad5bad5bad, %rax\n"                   \
	"	lea 8(%rbp), %rdx; xor %rsp, %rdx\n"                  \
	"	xor %rax, %rbx; or %rbx, %rdx\n"                      \
	"	xor %rax, %r12; or %r12, %rdx\n"                      \
	"	xor %rax, %r13; or %r13, %rdx\n"                      \
	"	xor %rax, %r14; or %r14, %rdx\n"                      \
	"	xor %rax, %r15; or %r15, %rdx\n"                      \
	"	mov %rdx, 16(%rcx)\n"                                 \
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp\n"   \
	"	pop %rbx\n"                                           \
	"	ret\n"

__asm__(".text\n" PLACE("call_here") PLACE("call_there"));

static long system_call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

static void write_line(void)
{
	for (size_t done = 0; done < line_length;) {
		long n = system_call(1 /* write */, 1, (long)(line + done), (long)(line_length - done));

		if (n <= 0)
			system_call(231 /* exit_group */, 3, 0, 0);
		done += (size_t)n;
	}
	line_length = 0;
}

void say(const char *text)
{
	if (line_length)
		line[line_length++] = ' ';
	while (*text && line_length < sizeof(line) - 2)
		line[line_length++] = *text++;
}

void say_number(uint64_t number)
{
	char digits[17] = "", *first = digits + 16;

	do {
		*--first = "0123456789abcdef"[number % 16];
		number /= 16;
	} while (number);
	say(first);
}

void say_end(void)
{
	line[line_length++] = '\n';
	write_line();
}

void complain(const char *what, const struct function *function, uint64_t detail)
{
	say("wrong");
	say(function->name);
	say(what);
	say_number(detail);
	say_end();
}

static void report(const struct function *function, const uint64_t arguments[3], const struct outcome *outcome)
{
	say("call");
	say_number(n_calls);
	say(function->name);
	say_number((uint64_t)function->address);
	for (int i = 0; i < 3; i++)
		say_number(arguments[i]);
	say_number(outcome->return_address);
	say_number(outcome->result);
	say_number(function->shape == MAKE_STORED ? stored_block : 0);
	say_number(outcome->damage);
	say_end();
}

uint64_t call(const struct function *function, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t arguments[3] = { function->shape == MAKE_STORED ? (uint64_t)&stored_block : a, b, c };
	struct outcome outcome = { 0 };

	stored_block = 0;
	call_number = ++n_calls;
	(n_calls % 2 ? call_here : call_there)(function->address, arguments, &outcome);
	call_number = 0;
	report(function, arguments, &outcome);
	if (function->shape == MAKE_STORED)
		return (int32_t)outcome.result ? 0 : stored_block;
	return outcome.result;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void name_function(const char *name)
{
	for (struct function *f = functions; f->name; f++) {
		if (!same(f->name, name))
			continue;
		f->named = true;
		if (!f->address)
			complain("is not there", f, 0);
		return;
	}
	say("wrong");
	say(name);
	say("is not known");
	say_end();
}

static void wait_for_stdin(void)
{
	char byte = 0;

	while (system_call(0 /* read */, 0, (long)&byte, 1) == 1 && byte != '\n')
		;
}

void start(const uint64_t *stack)
{
	const char *const *argv = (const char *const *)(stack + 1);

	for (uint64_t i = 1; i < *stack; i++)
		name_function(argv[i]);
	say("ready");
	say_number((uint64_t)&call_number);
	say_end();
	wait_for_stdin();
	for (const struct function *f = functions; f->name; f++)
		if (f->named && f->address)
			exercise(f);
	say("end");
	say_number(n_calls);
	say_end();
	wait_for_stdin();
	for (;;)
		system_call(231 /* exit_group */, 0, 0, 0);
}
