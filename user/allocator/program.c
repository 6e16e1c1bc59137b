// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/program.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/memory/elf_file.h"

/*
 * What Go's own debug/buildinfo looks for: a section, and where sections are gone the magic at its start, at a multiple of
 * 16 bytes in writable data (among constants it is only what a program looks for, like this one).
 */
static const char go_section[] = ".go.buildinfo";
static const char go_magic[] = "\xff Go buildinf:";
#define GO_ALIGN 16
#define CHUNK (64 * 1024)           /* a multiple of GO_ALIGN */
#define MAX_SEARCHED (64UL << 20)   /* bytes of a file; in real programs it is at the start of the data */

static bool has_magic(const char *bytes, size_t size)
{
	for (size_t at = 0; at + sizeof(go_magic) - 1 <= size; at += GO_ALIGN)
		if (!memcmp(bytes + at, go_magic, sizeof(go_magic) - 1))
			return true;
	return false;
}

/* In what a segment takes from the file; *left bytes may still be read. */
static bool search_segment(const struct elf_file *file, const GElf_Phdr *segment, char *chunk, uint64_t *left)
{
	uint64_t end = segment->p_filesz < *left ? segment->p_filesz : *left;
	bool found = false;
	ssize_t n = 1;

	for (uint64_t at = 0; at < end && n > 0 && !found; at += CHUNK) {
		n = pread(file->fd, chunk, CHUNK, (off_t)(segment->p_offset + at));
		found = n > 0 && has_magic(chunk, (size_t)n);
	}
	*left -= end;
	return found;
}

static bool search_data(const struct elf_file *file)
{
	char *chunk = malloc(CHUNK);
	uint64_t left = MAX_SEARCHED;
	bool found = false;

	for (int i = 0; chunk && !found && i < file->header.e_phnum; i++) {
		GElf_Phdr segment;

		if (gelf_getphdr(file->elf, i, &segment) && segment.p_type == PT_LOAD && (segment.p_flags & (PF_W | PF_X)) == PF_W)
			found = search_segment(file, &segment, chunk, &left);
	}
	free(chunk);
	return found;
}

static bool has_segment(const struct elf_file *file, uint32_t type)
{
	for (int i = 0; i < file->header.e_phnum; i++) {
		GElf_Phdr segment;

		if (gelf_getphdr(file->elf, i, &segment) && segment.p_type == type)
			return true;
	}
	return false;
}

static bool has_section(struct elf_file *file, const char *name)
{
	size_t index, length = strlen(name) + 1;
	Elf_Data *names = elf_getshdrstrndx(file->elf, &index) ? NULL : elf_file_load(file, elf_getscn(file->elf, index));

	for (Elf_Scn *section = NULL; names && (section = elf_nextscn(file->elf, section));) {
		GElf_Shdr header;

		if (gelf_getshdr(section, &header) && header.sh_name < names->d_size && names->d_size - header.sh_name >= length &&
		    !memcmp((const char *)names->d_buf + header.sh_name, name, length))
			return true;
	}
	return false;
}

void program_read(int fd, struct program *ret)
{
	struct elf_symbols symbols;
	struct elf_file file;

	*ret = (struct program){ 0 };
	if (elf_file_open(fd, &file))
		return;
	ret->known = true;
	ret->is_go = has_section(&file, go_section) || search_data(&file);
	ret->is_static = !has_segment(&file, PT_INTERP);
	ret->has_symbols = !elf_file_symbols(&file, SHT_SYMTAB, &symbols);
	elf_file_close(&file);
}
