// SPDX-License-Identifier: GPL-2.0-only
#include "user/go/build_info.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * What Go's own debug/buildinfo looks for: a section, and where sections are gone the magic at its start, at a multiple of
 * 16 bytes in writable data (among constants it is only what a program looks for, like this one).
 */
static const char section_name[] = ".go.buildinfo";
static const char magic[] = "\xff Go buildinf:";
#define MAGIC_BYTES (sizeof(magic) - 1)
#define ALIGN 16
#define CHUNK (64 * 1024)           /* a multiple of ALIGN */
#define MAX_SEARCHED (64UL << 20)   /* bytes of a file; in real programs it is at the start of the data */

/* From the magic on: the size of a pointer, flags; with INLINE, from Go 1.18 on, the version is here, its length first. */
#define FLAGS_AT 15
#define INLINE 2U
#define VERSION_AT 32
#define HEAD_BYTES (VERSION_AT + 1 + GO_VERSION_MAX)

/* What is written of it goes to terminals and logs. */
static bool is_plain(const uint8_t *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

int build_info_parse(const uint8_t *bytes, size_t n, struct build_info *ret)
{
	size_t length;

	if (n < MAGIC_BYTES || memcmp(bytes, magic, MAGIC_BYTES))
		return -ENOENT;
	*ret = (struct build_info){ .version = "" };
	if (n <= VERSION_AT || !(bytes[FLAGS_AT] & INLINE))
		return 0;
	/* a varint of one byte: longer versions are none */
	length = bytes[VERSION_AT];
	if (length >= GO_VERSION_MAX || length > n - VERSION_AT - 1 || !is_plain(bytes + VERSION_AT + 1, length))
		return 0;
	memcpy(ret->version, bytes + VERSION_AT + 1, length);
	return 0;
}

static int parse_at(const struct elf_file *file, uint64_t offset, struct build_info *ret)
{
	uint8_t bytes[HEAD_BYTES];
	ssize_t n = pread(file->fd, bytes, sizeof(bytes), (off_t)offset);

	return n < 0 ? -ENOENT : build_info_parse(bytes, (size_t)n, ret);
}

static int64_t find_magic(const char *bytes, size_t size)
{
	for (size_t at = 0; at + MAGIC_BYTES <= size; at += ALIGN)
		if (!memcmp(bytes + at, magic, MAGIC_BYTES))
			return (int64_t)at;
	return -1;
}

/* In what a segment takes from the file; *left bytes may still be read. */
static int search_segment(const struct elf_file *file, const GElf_Phdr *segment, char *chunk, uint64_t *left,
			  struct build_info *ret)
{
	uint64_t end = segment->p_filesz < *left ? segment->p_filesz : *left;
	ssize_t n = 1;

	for (uint64_t at = 0; at < end && n > 0; at += CHUNK) {
		int64_t found;

		n = pread(file->fd, chunk, CHUNK, (off_t)(segment->p_offset + at));
		found = n > 0 ? find_magic(chunk, (size_t)n) : -1;
		if (found >= 0)
			return parse_at(file, segment->p_offset + at + (uint64_t)found, ret);
	}
	*left -= end;
	return -ENOENT;
}

static int search_data(const struct elf_file *file, struct build_info *ret)
{
	char *chunk = malloc(CHUNK);
	uint64_t left = MAX_SEARCHED;
	int result = -ENOENT;

	for (int i = 0; chunk && result && i < file->header.e_phnum; i++) {
		GElf_Phdr segment;

		if (gelf_getphdr(file->elf, i, &segment) && segment.p_type == PT_LOAD && (segment.p_flags & (PF_W | PF_X)) == PF_W)
			result = search_segment(file, &segment, chunk, &left, ret);
	}
	free(chunk);
	return result;
}

int build_info_read(struct elf_file *file, struct build_info *ret)
{
	GElf_Shdr header;

	if (!elf_file_section(file, section_name, &header))
		return search_data(file, ret);
	/* it is Go's, whatever is in it */
	*ret = (struct build_info){ .version = "" };
	parse_at(file, header.sh_offset, ret);
	return 0;
}
