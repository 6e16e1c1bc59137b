// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/allocator/family.h"

/* More of a function is not looked at: what branches back to its first instructions from further away has 32 bits. */
#define MAX_FUNCTION_BYTES (16 * 1024)

#if defined(__x86_64__)
#define JUMP_BYTES 5 /* e9, then the distance from the next instruction: Intel SDM, JMP rel32 */

/* Where the function at this offset jumps to with its first instruction (or after ENDBR64), as an offset too. */
static bool first_jump(const struct elf_file *file, uint64_t offset, uint64_t *ret_target)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	uint8_t code[sizeof(endbr64) + JUMP_BYTES] = { 0 };
	size_t at;
	int32_t distance;

	if (pread(file->fd, code, sizeof(code), (off_t)offset) < JUMP_BYTES)
		return false;
	at = memcmp(code, endbr64, sizeof(endbr64)) ? 0 : sizeof(endbr64);
	if (code[at] != 0xe9)
		return false;
	memcpy(&distance, &code[at + 1], sizeof(distance));
	*ret_target = offset + at + JUMP_BYTES + (uint64_t)(int64_t)distance;
	return true;
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

#define CALL_BYTES 5 /* e8, then the distance from the next instruction: Intel SDM, CALL rel32 */

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

	for (size_t i = 0; function && i + CALL_BYTES <= code->size; i++) {
		uint64_t next = code->offset + i + CALL_BYTES;
		int32_t distance;

		if (code->bytes[i] != 0xe8)
			continue;
		memcpy(&distance, &code->bytes[i + 1], sizeof(distance));
		if (next + (uint64_t)(int64_t)distance != function->offset || !may_be_internal(library, code->offset + i))
			continue;
		if (library->n_internal_frees < MEMGAP_INTERNAL_FREES)
			library->internal_frees[library->n_internal_frees++] = -distance;
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
		result = branch_targets_scan(targets, &code);
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
	if (function->throws)
		return SITE_ENTRY;
	if (function->call != MEMGAP_CALL_FREE)
		return SITE_CALL;
	return library->allocator == MEMGAP_GLIBC ? SITE_FREE_WITH_HEADER : SITE_FREE;
}

static int choose_sites(const struct elf_file *file, struct library *library, struct branch_targets *targets)
{
	uint8_t *bytes = malloc(MAX_FUNCTION_BYTES);
	struct function_code code;
	int result = bytes ? 0 : -ENOMEM;

	for (size_t i = 0; !result && i < library->n; i++) {
		read_function(file, &library->functions[i], bytes, &code);
		result = branch_targets_decode(targets, &code);
	}
	branch_targets_sort(targets);
	for (size_t i = 0; !result && i < library->n; i++) {
		struct library_function *function = &library->functions[i];

		read_function(file, function, bytes, &code);
		code.targets = targets;
		sites_choose(&code, kind_of(library, function),
			     family_arguments(library->allocator, function->call), &function->sites);
	}
	free(bytes);
	return result;
}

int code_read(struct elf_file *file, struct library *library)
{
	uint64_t functions[FAMILY_MAX];
	struct branch_targets targets;
	int result;

	for (size_t i = 0; i < library->n; i++)
		functions[i] = library->functions[i].offset;
	result = branch_targets_init(&targets, functions, library->n);
	if (!result)
		result = scan(file, library, &targets);
	if (!result)
		result = choose_sites(file, library, &targets);
	branch_targets_free(&targets);
	return result;
}
#else
/* Each function is probed at its first instruction. */
int code_drop_forwarders(struct elf_file *file, struct library *library)
{
	(void)file;
	(void)library;
	return 0;
}

int code_read(struct elf_file *file, struct library *library)
{
	(void)file;
	(void)library;
	return 0;
}
#endif
