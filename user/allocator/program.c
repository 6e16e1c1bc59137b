// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/program.h"

#include "user/go/build_info.h"
#include "user/memory/elf_file.h"

static bool has_segment(const struct elf_file *file, uint32_t type)
{
	for (int i = 0; i < file->header.e_phnum; i++) {
		GElf_Phdr segment;

		if (gelf_getphdr(file->elf, i, &segment) && segment.p_type == type)
			return true;
	}
	return false;
}

void program_read(int fd, struct program *ret)
{
	struct elf_symbols symbols;
	struct build_info info;
	struct elf_file file;

	*ret = (struct program){ 0 };
	if (elf_file_open(fd, &file))
		return;
	ret->known = true;
	ret->is_go = !build_info_read(&file, &info);
	ret->is_static = !has_segment(&file, PT_INTERP);
	ret->has_symbols = !elf_file_symbols(&file, SHT_SYMTAB, &symbols);
	elf_file_close(&file);
}
