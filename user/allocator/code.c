// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/allocator/family.h"
#include "user/allocator/sites_arm64.h"

/* More of a function is not looked at: what branches back to its first instructions from further away has 32 bits. */
#define MAX_FUNCTION_BYTES (16 * 1024)

#if defined(__x86_64__)
#define CALL_OPCODE 0xe8 /* then the distance from the next instruction: Intel SDM, CALL rel32, */
#define JUMP_OPCODE 0xe9 /* JMP rel32 */
#define BRANCH_BYTES 5
#define CODE_STEP 1 /* instructions begin anywhere */

static bool branch_target(const struct function_code *code, size_t at, uint8_t opcode, uint64_t *ret_target)
{
	int32_t distance;

	if (at + BRANCH_BYTES > code->size || code->bytes[at] != opcode)
		return false;
	memcpy(&distance, &code->bytes[at + 1], sizeof(distance));
	*ret_target = code->offset + at + BRANCH_BYTES + (uint64_t)(int64_t)distance;
	return true;
}

static bool call_target(const struct function_code *code, size_t at, uint64_t *ret_target)
{
	return branch_target(code, at, CALL_OPCODE, ret_target);
}

/* Of the first instruction, or of that after ENDBR64. */
static bool first_jump_target(const struct function_code *code, uint64_t *ret_target)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	bool has_landing = code->size >= sizeof(endbr64) && !memcmp(code->bytes, endbr64, sizeof(endbr64));

	return branch_target(code, has_landing ? sizeof(endbr64) : 0, JUMP_OPCODE, ret_target);
}

static int scan_branches(struct branch_targets *targets, const struct function_code *code)
{
	return branch_targets_scan(targets, code);
}

/* The short ones, which only decoding finds. */
static int decode_branches(struct branch_targets *targets, const struct function_code *code)
{
	return branch_targets_decode(targets, code);
}

static void choose(const struct function_code *code, enum site_kind kind, unsigned int arguments, struct sites *ret)
{
	sites_choose(code, kind, arguments, ret);
}
#elif defined(__aarch64__)
#define BRANCH_BYTES 4
#define CODE_STEP 4

static bool call_target(const struct function_code *code, size_t at, uint64_t *ret_target)
{
	return arm64_call_target(code, at, ret_target);
}

/* Of the first instruction, or of that after BTI. */
static bool first_jump_target(const struct function_code *code, uint64_t *ret_target)
{
	return arm64_jump_target(code, arm64_has_landing(code) ? BRANCH_BYTES : 0, ret_target);
}

static int scan_branches(struct branch_targets *targets, const struct function_code *code)
{
	return arm64_branch_targets_scan(targets, code);
}

static int decode_branches(struct branch_targets *targets, const struct function_code *code)
{
	(void)targets;
	(void)code;
	return 0; /* all were found by scanning */
}

static void choose(const struct function_code *code, enum site_kind kind, unsigned int arguments, struct sites *ret)
{
	(void)arguments; /* each is where it was */
	arm64_sites_choose(code, kind, ret);
}
#endif

/* Where the function at this offset jumps to with its first instruction, as an offset too. */
static bool first_jump(const struct elf_file *file, uint64_t offset, uint64_t *ret_target)
{
	uint8_t bytes[4 + BRANCH_BYTES];
	ssize_t n = pread(file->fd, bytes, sizeof(bytes), (off_t)offset);
	struct function_code code = { .bytes = bytes, .size = n > 0 ? (size_t)n : 0, .offset = offset };

	return first_jump_target(&code, ret_target);
}

/* Whether it is in a table of jumps to imported functions: sections .plt, .plt.got, .plt.sec. */
static bool is_in_plt(struct elf_file *file, uint64_t offset)
{
	size_t names;

	if (elf_getshdrstrndx(file->elf, &names))
		return false;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
		GElf_Shdr header;
		const char *name;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_PROGBITS || offset < header.sh_offset ||
		    offset - header.sh_offset >= header.sh_size)
			continue;
		name = elf_strptr(file->elf, names, header.sh_name);
		return name && !strncmp(name, ".plt", 4);
	}
	return false;
}

static bool is_function(const struct library *library, uint64_t offset)
{
	for (size_t i = 0; i < library->n; i++)
		if (library->functions[i].offset == offset)
			return true;
	return false;
}

/* What jumps into the PLT from here jumps to the family too: to what goes by that name in the process. */
int code_drop_forwarders(struct elf_file *file, struct library *library)
{
	struct library all = *library;

	library->n = 0;
	for (size_t i = 0; i < all.n; i++) {
		uint64_t target;

		if (!first_jump(file, all.functions[i].offset, &target) ||
		    !(is_function(&all, target) || is_in_plt(file, target)))
			library->functions[library->n++] = all.functions[i];
	}
	return 0;
}

/* In a static program everybody calls directly: there the calling function must be known by its name. */
static bool may_be_internal(const struct library *library, uint64_t offset)
{
	return !library->is_static || (offset >= library->thread_end_offset &&
				       offset - library->thread_end_offset < library->thread_end_size);
}

/*
 * Direct calls of free(). Bytes in the middle of an instruction may look like one too; that does no harm, since no call
 * ever returns there.
 */
static void find_internal_frees(const struct function_code *code, struct library *library)
{
	const struct library_function *function = library_find(library, "free");

	for (size_t i = 0; function && i + BRANCH_BYTES <= code->size; i += CODE_STEP) {
		uint64_t next = code->offset + i + BRANCH_BYTES, target;

		if (!call_target(code, i, &target) || target != function->offset || !may_be_internal(library, code->offset + i))
			continue;
		if (library->n_internal_frees < MEMGAP_INTERNAL_FREES)
			library->internal_frees[library->n_internal_frees++] = (int32_t)(next - target);
	}
}

/* Offsets in the file serve as addresses: what branches and where it leads are in the same segment. */
static int scan(struct elf_file *file, struct library *library, struct branch_targets *targets)
{
	int result = 0;

	for (Elf_Scn *section = NULL; !result && (section = elf_nextscn(file->elf, section));) {
		struct function_code code = { 0 };
		GElf_Shdr header;
		Elf_Data *data;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_PROGBITS || !(header.sh_flags & SHF_EXECINSTR))
			continue;
		data = elf_file_load(file, section);
		if (!data || elf_file_offset(file, header.sh_addr, &code.offset))
			continue;
		code.bytes = data->d_buf;
		code.size = data->d_size;
		if (library->allocator == MEMGAP_GLIBC)
			find_internal_frees(&code, library);
		result = scan_branches(targets, &code);
	}
	return result;
}

/* A function's code; its size 0 where nothing can be read. */
static void read_function(const struct elf_file *file, const struct library_function *function,
			  uint8_t bytes[MAX_FUNCTION_BYTES], struct function_code *ret)
{
	size_t size = function->size < MAX_FUNCTION_BYTES ? function->size : MAX_FUNCTION_BYTES;
	ssize_t n = pread(file->fd, bytes, size, (off_t)function->offset);

	*ret = (struct function_code){ .bytes = bytes, .size = n > 0 ? (size_t)n : 0, .offset = function->offset };
}

static enum site_kind kind_of(const struct library *library, const struct library_function *function)
{
	if (function->ends_at_exits)
		return SITE_ENTRY;
	if (function->call != MEMGAP_CALL_FREE)
		return SITE_CALL;
	return library->allocator == MEMGAP_GLIBC ? SITE_FREE_WITH_HEADER : SITE_FREE;
}

static int choose_sites(const struct elf_file *file, struct library *library, struct branch_targets *targets,
			struct branch_targets *inner)
{
	uint8_t *bytes = malloc(MAX_FUNCTION_BYTES);
	struct function_code code;
	int result = bytes ? 0 : -ENOMEM;

	for (size_t i = 0; !result && i < library->n; i++) {
		read_function(file, &library->functions[i], bytes, &code);
		result = decode_branches(inner, &code);
	}
	branch_targets_sort(targets);
	branch_targets_sort(inner);
	for (size_t i = 0; !result && i < library->n; i++) {
		struct library_function *function = &library->functions[i];

		read_function(file, function, bytes, &code);
		code.targets = targets;
		code.inner = inner;
		choose(&code, kind_of(library, function),
		       family_arguments(library->allocator, function->call), &function->sites);
	}
	free(bytes);
	return result;
}

int code_read(struct elf_file *file, struct library *library)
{
	uint64_t functions[FAMILY_MAX];
	struct branch_targets targets, inner = { 0 };
	int result;

	for (size_t i = 0; i < library->n; i++)
		functions[i] = library->functions[i].offset;
	result = branch_targets_init(&targets, functions, library->n);
	if (!result)
		result = branch_targets_init(&inner, functions, library->n);
	if (!result)
		result = scan(file, library, &targets);
	if (!result)
		result = choose_sites(file, library, &targets, &inner);
	branch_targets_free(&targets);
	branch_targets_free(&inner);
	return result;
}
