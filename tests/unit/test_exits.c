// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions of this very program, written in assembly with a label at each RET: where they are in its file is known from the
 * labels, and where they start and end from their own .cfi directives, as for any compiled function.
 */
#include "tests/unit/helpers.h"

#include <link.h>

#include "user/allocator/exits.h"

#define FUNCTION(name, body)                                                                                           \
	__asm__(".text\n.balign 16\n.type " name ", %function\n" name ":\n.cfi_startproc\n" body "\n.cfi_endproc\n.size " name \
		", . - " name "\n")

#if defined(__x86_64__)
FUNCTION("one_return", "push %rbx\npop %rbx\none_return_1: ret");
FUNCTION("two_returns", "test %rdi, %rdi\nje 1f\ntwo_returns_1: ret\n1: xor %eax, %eax\ntwo_returns_2: ret");
FUNCTION("ends_in_a_jump", "test %rdi, %rdi\nje 1f\nends_in_a_jump_1: ret\n1: jmp one_return");
FUNCTION("conditional_tail", "test %rdi, %rdi\n.byte 0x0f, 0x84\n.long two_returns - . - 4\nconditional_tail_1: ret");
FUNCTION("loops", "1: dec %rdi\njne 1b\nloops_1: ret");
FUNCTION("calls_itself_in_the_end", "call one_return\njmp calls_itself_in_the_end");
FUNCTION("immediate_in_the_middle", "mov $0xc3c3c3c3, %eax\nimmediate_in_the_middle_1: ret");
FUNCTION("through_a_register", "jmp *%rax");
FUNCTION("pops_its_arguments", "pops_its_arguments_1: ret $16");
FUNCTION("undecodable", ".byte 0x06\nret");
FUNCTION("far_return", "lretq");
#elif defined(__aarch64__)
FUNCTION("one_return", "stp x29, x30, [sp, #-16]!\nldp x29, x30, [sp], #16\none_return_1: ret");
FUNCTION("two_returns", "cbz x0, 1f\ntwo_returns_1: ret\n1: mov w0, #0\ntwo_returns_2: ret");
FUNCTION("ends_in_a_jump", "tbz x0, #3, 1f\nends_in_a_jump_1: ret\n1: b one_return");
FUNCTION("conditional_tail", "cmp x0, #1\nb.eq two_returns\nconditional_tail_1: ret");
FUNCTION("loops", "1: subs x0, x0, #1\nb.ne 1b\nloops_1: ret");
FUNCTION("calls_itself_in_the_end", "bl one_return\nblr x1\nb calls_itself_in_the_end");
FUNCTION("immediate_in_the_middle", "movz w0, #0x03c0\nmovk w0, #0xd65f, lsl #16\nimmediate_in_the_middle_1: ret");
FUNCTION("through_a_register", "br x0");
FUNCTION("pops_its_arguments", "add sp, sp, #16\npops_its_arguments_1: ret");
FUNCTION("undecodable", ".inst 0\nret");
FUNCTION("far_return", "ret x1");
#endif
__asm__(".balign 16\nno_frame: ret\n.balign 16\n");

#pragma GCC visibility push(hidden) /* page.c says why */
extern const char one_return[], two_returns[], ends_in_a_jump[], conditional_tail[], loops[], calls_itself_in_the_end[],
	immediate_in_the_middle[], through_a_register[], pops_its_arguments[], undecodable[], far_return[], no_frame[];
extern const char one_return_1[], two_returns_1[], two_returns_2[], ends_in_a_jump_1[], conditional_tail_1[], loops_1[],
	immediate_in_the_middle_1[], pops_its_arguments_1[];
#pragma GCC visibility pop

/* Where a byte of this program is in its file. */
static uint64_t offset_of(const char *address)
{
	uint64_t found = UINT64_MAX;
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[PATH_MAX + 100];

	while (found == UINT64_MAX && fgets(line, sizeof(line), maps)) {
		unsigned long start, end, offset;

		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) == 3 && (uintptr_t)address >= start && (uintptr_t)address < end)
			found = (uintptr_t)address - start + offset;
	}
	fclose(maps);
	return found;
}

static int find(const char *function, struct exits *exits)
{
	struct elf_file file;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), result;

	assert_int_equal(elf_file_open(fd, &file), 0);
	result = exits_add(&file, offset_of(function), false, exits);
	elf_file_close(&file);
	close(fd);
	return result;
}

static bool has(const struct exits *exits, const char *address)
{
	for (size_t i = 0; i < exits->n; i++)
		if (exits->offsets[i] == offset_of(address))
			return true;
	return false;
}

static void every_return_is_found_also_of_what_is_jumped_to(void **state)
{
	static const struct {
		const char *name, *function, *exits[4];
	} rows[] = {
		{ "one", one_return, { one_return_1 } },
		{ "two", two_returns, { two_returns_1, two_returns_2 } },
		{ "a jump at the end", ends_in_a_jump, { ends_in_a_jump_1, one_return_1 } },
		{ "a conditional one", conditional_tail, { conditional_tail_1, two_returns_1, two_returns_2 } },
		{ "a loop", loops, { loops_1 } },
		{ "none at all", calls_itself_in_the_end, { NULL } },
		{ "what looks like one", immediate_in_the_middle, { immediate_in_the_middle_1 } },
		{ "one that pops", pops_its_arguments, { pops_its_arguments_1 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct exits exits = { 0 };
		size_t n = 0;

		check_row(rows[i].name, find(rows[i].function, &exits) == 0);
		for (; rows[i].exits[n]; n++)
			check_row(rows[i].name, has(&exits, rows[i].exits[n]));
		check_row(rows[i].name, exits.n == n);
	}
}

static void what_cannot_be_followed_is_refused_and_nothing_added(void **state)
{
	static const struct {
		const char *name, *function;
	} rows[] = {
		{ "through a register", through_a_register },
		{ "undecodable", undecodable },
		{ "a far return", far_return },
		{ "no frame is known", no_frame },
		{ "not code", (const char *)rows },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct exits exits = { 0 };

		check_row(rows[i].name, find(rows[i].function, &exits) == -EOPNOTSUPP);
		check_row(rows[i].name, exits.n == 0);
	}
}

static void functions_share_exits(void **state)
{
	struct exits exits = { 0 };

	(void)state;
	assert_int_equal(find(ends_in_a_jump, &exits), 0);
	assert_int_equal(find(one_return, &exits), 0);
	assert_int_equal(exits.n, 2);
}

static void more_exits_than_there_is_room_for_are_refused(void **state)
{
	struct exits exits = { .n = EXITS_MAX - 1 };

	(void)state;
	assert_int_equal(find(two_returns, &exits), -EOPNOTSUPP);
	assert_int_equal(exits.n, EXITS_MAX - 1);
}

#if defined(__x86_64__)
/* glibc chooses its memset() when it is loaded: calloc() ends in a jump to it. */
static void calloc_is_left_by_its_jump_to_memset(void **state)
{
	const char *calloc_here = dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), "calloc");
	struct exits exits = { 0 };
	struct elf_file file;
	size_t jumps = 0;
	Dl_info info;
	int fd;

	(void)state;
	assert_non_null(calloc_here);
	assert_int_not_equal(dladdr(calloc_here, &info), 0);
	fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
	assert_int_equal(elf_file_open(fd, &file), 0);
	assert_int_equal(exits_add(&file, offset_of(calloc_here), false, &exits), -EOPNOTSUPP);
	assert_int_equal(exits_add(&file, offset_of(calloc_here), true, &exits), 0);
	elf_file_close(&file);
	for (size_t i = 0; i < exits.n; i++) {
		jumps += exits.jumps[i];
		assert_true(exits_is_there(fd, exits.offsets[i], exits.jumps[i]));
		assert_false(exits_is_there(fd, exits.offsets[i], !exits.jumps[i]));
	}
	assert_in_range(jumps, 1, exits.n - 1); /* it returns as well */
	close(fd);
}
#endif

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_return_is_found_also_of_what_is_jumped_to),
		cmocka_unit_test(what_cannot_be_followed_is_refused_and_nothing_added),
#if defined(__x86_64__)
		cmocka_unit_test(calloc_is_left_by_its_jump_to_memset),
#endif
		cmocka_unit_test(functions_share_exits),
		cmocka_unit_test(more_exits_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
