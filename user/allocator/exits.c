// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/exits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/allocator/flow.h"

#define MAX_FUNCTIONS 32
#define MAX_FUNCTION_BYTES (16U * 1024)

/* Functions that the flow reaches, as addresses in the file's own numbering. */
struct flow {
	struct elf_file *file;
	struct exits *exits;
	bool ends_in_memset;
	size_t n, done;
	uint64_t starts[MAX_FUNCTIONS];
	uint8_t *code; /* of the one that is looked at */
};

/* Where in the file an address of any segment is. */
static bool offset_of(const struct elf_file *file, uint64_t address, uint64_t *ret_offset)
{
	for (int i = 0; i < file->header.e_phnum; i++) {
		GElf_Phdr segment;

		if (!gelf_getphdr(file->elf, i, &segment) || segment.p_type != PT_LOAD || address < segment.p_vaddr ||
		    address - segment.p_vaddr >= segment.p_filesz)
			continue;
		*ret_offset = address - segment.p_vaddr + segment.p_offset;
		return true;
	}
	return false;
}

static bool address_of(const struct elf_file *file, uint64_t offset, uint64_t *ret_address)
{
	for (int i = 0; i < file->header.e_phnum; i++) {
		GElf_Phdr segment;

		if (!gelf_getphdr(file->elf, i, &segment) || segment.p_type != PT_LOAD || !(segment.p_flags & PF_X) ||
		    offset < segment.p_offset || offset - segment.p_offset >= segment.p_filesz)
			continue;
		*ret_address = offset - segment.p_offset + segment.p_vaddr;
		return true;
	}
	return false;
}

static bool read_at(const struct elf_file *file, uint64_t address, void *ret, size_t size)
{
	uint64_t offset;

	return offset_of(file, address, &offset) && pread(file->fd, ret, size, (off_t)offset) == (ssize_t)size;
}

/*
 * .eh_frame_hdr (Linux Standard Base, 10.6.2), as every linker makes it: pointers of 4 bytes, in the table relative to its own
 * start, the table sorted by address.
 */
struct frame_table {
	uint64_t address, n;
};

struct frame_header {
	uint8_t version, pointer_encoding, count_encoding, table_encoding;
	int32_t pointer;
	uint32_t n;
};

struct frame_entry {
	int32_t function, description; /* relative to the header's address */
};

#define PC_RELATIVE_4 0x1b /* DW_EH_PE_pcrel | DW_EH_PE_sdata4 */
#define UNSIGNED_4 0x03    /* DW_EH_PE_udata4 */
#define TABLE_RELATIVE_4 0x3b

static bool find_table(const struct elf_file *file, struct frame_table *ret)
{
	for (int i = 0; i < file->header.e_phnum; i++) {
		struct frame_header header;
		GElf_Phdr segment;

		if (!gelf_getphdr(file->elf, i, &segment) || segment.p_type != PT_GNU_EH_FRAME)
			continue;
		*ret = (struct frame_table){ .address = segment.p_vaddr };
		if (!read_at(file, segment.p_vaddr, &header, sizeof(header)) || header.version != 1 ||
		    header.count_encoding != UNSIGNED_4 || header.table_encoding != TABLE_RELATIVE_4)
			return false;
		ret->n = header.n;
		return true;
	}
	return false;
}

static bool read_entry(const struct elf_file *file, const struct frame_table *table, uint64_t i, struct frame_entry *ret)
{
	return read_at(file, table->address + sizeof(struct frame_header) + i * sizeof(*ret), ret, sizeof(*ret));
}

/* The function that an address is in. */
static bool find_function(const struct elf_file *file, uint64_t address, uint64_t *ret_start, uint64_t *ret_size)
{
	struct { uint32_t length; int32_t cie, start; uint32_t size; } description; /* a frame description's head: same, 10.6.1.2 */
	struct frame_entry entry;
	struct frame_table table;
	uint64_t low = 0, high, at;

	if (!find_table(file, &table))
		return false;
	high = table.n;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (!read_entry(file, &table, middle, &entry))
			return false;
		if (table.address + (uint64_t)(int64_t)entry.function <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || !read_entry(file, &table, low - 1, &entry))
		return false;
	*ret_start = table.address + (uint64_t)(int64_t)entry.function;
	at = table.address + (uint64_t)(int64_t)entry.description;
	/* its start is relative to its own place; another encoding would not come out right */
	if (!read_at(file, at, &description, sizeof(description)) ||
	    at + 8 + (uint64_t)(int64_t)description.start != *ret_start)
		return false;
	*ret_size = description.size;
	return address - *ret_start < *ret_size;
}

/* What the loader puts into a slot that an entry of the procedure linkage table jumps through. */
static bool find_relocation(struct elf_file *file, uint64_t slot, GElf_Rela *ret)
{
	for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
		GElf_Shdr header;
		Elf_Data *data;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_RELA || header.sh_entsize != sizeof(Elf64_Rela))
			continue;
		data = elf_file_load(file, section);
		for (int i = 0; data && i < (int)(data->d_size / sizeof(Elf64_Rela)); i++)
			if (gelf_getrela(data, i, ret) && ret->r_offset == slot)
				return true;
	}
	return false;
}

/* The function of this file that the slot leads to, if there is one. */
static bool resolve_slot(struct elf_file *file, uint64_t slot, uint64_t *ret_address)
{
	struct elf_symbols symbols;
	GElf_Rela rela;
	GElf_Sym symbol;

	if (elf_file_symbols(file, SHT_DYNSYM, &symbols) || !find_relocation(file, slot, &rela) ||
	    !elf_symbol(&symbols, GELF_R_SYM(rela.r_info), &symbol))
		return false;
	*ret_address = symbol.st_value;
	return true;
}

/* Whether what the slot holds is found by calling a resolver when the program is loaded. */
static bool is_indirect(struct elf_file *file, uint64_t slot)
{
	uint32_t indirect = file->header.e_machine == EM_AARCH64 ? R_AARCH64_IRELATIVE : R_X86_64_IRELATIVE;
	GElf_Rela rela;

	return find_relocation(file, slot, &rela) && GELF_R_TYPE(rela.r_info) == indirect;
}

static struct flow_step step_at(const struct flow *flow, const uint8_t *code, size_t size, uint64_t address)
{
	return flow->file->header.e_machine == EM_AARCH64 ? flow_step_arm64(code, size, address) : flow_step_x86(code, size, address);
}

static bool is_linkage(const struct elf_file *file, uint64_t address, uint64_t *ret_slot)
{
	uint8_t code[FLOW_LINKAGE_BYTES] = { 0 };

	if (!read_at(file, address, code, sizeof(code)))
		return false;
	return file->header.e_machine == EM_AARCH64 ? flow_linkage_arm64(code, address, ret_slot) :
						      flow_linkage_x86(code, address, ret_slot);
}

/* Another function that the flow goes to. */
static int follow(struct flow *flow, uint64_t address)
{
	uint64_t slot, start, size;

	if (is_linkage(flow->file, address, &slot) && !resolve_slot(flow->file, slot, &address))
		return -EOPNOTSUPP;
	if (!find_function(flow->file, address, &start, &size))
		return -EOPNOTSUPP;
	for (size_t i = 0; i < flow->n; i++)
		if (flow->starts[i] == start)
			return 0;
	if (flow->n == MAX_FUNCTIONS)
		return -EOPNOTSUPP;
	flow->starts[flow->n++] = start;
	return 0;
}

static int add_exit(struct flow *flow, uint64_t address, bool jump)
{
	struct exits *exits = flow->exits;
	uint64_t offset;

	if (elf_file_offset(flow->file, address, &offset))
		return -EOPNOTSUPP;
	for (size_t i = 0; i < exits->n; i++)
		if (exits->offsets[i] == offset)
			return 0;
	if (exits->n == EXITS_MAX)
		return -EOPNOTSUPP;
	exits->jumps[exits->n] = jump;
	exits->offsets[exits->n++] = offset;
	return 0;
}

/* A jump out of the function. */
static int leave(struct flow *flow, uint64_t address, const struct flow_step *step)
{
	uint64_t slot;

	if (flow->ends_in_memset && step->always && is_linkage(flow->file, step->target, &slot) && is_indirect(flow->file, slot))
		return add_exit(flow, address, true);
	return follow(flow, step->target);
}

/* What one instruction means for the flow. */
static int look_at(struct flow *flow, uint64_t address, uint64_t start, uint64_t size, const struct flow_step *step)
{
	switch (step->kind) {
	case FLOW_GOES_ON:
		return 0;
	case FLOW_RETURNS:
		return add_exit(flow, address, false);
	case FLOW_BRANCHES:
		return step->target - start < size ? 0 : leave(flow, address, step);
	default:
		return -EOPNOTSUPP;
	}
}

/* All of a function, from its first instruction to its last. */
static int sweep(struct flow *flow, uint64_t start)
{
	struct flow_step step;
	uint64_t same, size;
	int result = 0;

	if (!find_function(flow->file, start, &same, &size) || size > MAX_FUNCTION_BYTES ||
	    !read_at(flow->file, start, flow->code, size))
		return -EOPNOTSUPP;
	for (uint64_t at = 0; !result && at < size; at += step.length) {
		step = step_at(flow, flow->code + at, size - at, start + at);
		result = look_at(flow, start + at, start, size, &step);
	}
	return result;
}

bool exits_is_there(int fd, uint64_t offset, bool jump)
{
	uint8_t code[16];
	ssize_t n = pread(fd, code, sizeof(code), (off_t)offset);
	struct flow_step step;

	if (n <= 0)
		return false;
#if defined(__aarch64__)
	step = flow_step_arm64(code, (size_t)n, 0);
#else
	step = flow_step_x86(code, (size_t)n, 0);
#endif
	return jump ? step.kind == FLOW_BRANCHES && step.always : step.kind == FLOW_RETURNS;
}

int exits_add(struct elf_file *file, uint64_t function, bool ends_in_memset, struct exits *exits)
{
	struct exits all = *exits;
	struct flow flow = { .file = file, .exits = &all, .ends_in_memset = ends_in_memset, .code = malloc(MAX_FUNCTION_BYTES) };
	uint64_t address;
	int result = -EOPNOTSUPP;

	if (!flow.code)
		return -ENOMEM;
	if (address_of(file, function, &address))
		result = follow(&flow, address);
	while (!result && flow.done < flow.n)
		result = sweep(&flow, flow.starts[flow.done++]);
	free(flow.code);
	if (!result)
		*exits = all;
	return result;
}
