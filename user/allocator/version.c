// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/version.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/memory/word.h"

/* The first section of constants for which `find` is true. */
static bool search(struct elf_file *file, bool (*find)(const char *text, size_t size, struct version *ret), struct version *ret)
{
	for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
		GElf_Shdr header;
		Elf_Data *data;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_PROGBITS || !(header.sh_flags & SHF_ALLOC) ||
		    (header.sh_flags & (SHF_WRITE | SHF_EXECINSTR)))
			continue;
		data = elf_file_load(file, section);
		if (data && find(data->d_buf, data->d_size, ret))
			return true;
	}
	return false;
}

/* The text may end anywhere, without a NUL: a copy of its beginning. */
static void copy_text(const char *text, size_t size, char ret[32])
{
	memset(ret, 0, 32);
	memcpy(ret, text, size < 31 ? size : 31);
}

static bool find_after(const char *before, const char *text, size_t size, struct version *ret)
{
	const char *found = memmem(text, size, before, strlen(before));
	char copy[32];

	if (!found)
		return false;
	found += strlen(before);
	copy_text(found, size - (size_t)(found - text), copy);
	return sscanf(copy, "%u.%u", &ret->major, &ret->minor) == 2;
}

/* "GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.": csu/version.c */
static bool find_glibc(const char *text, size_t size, struct version *ret)
{
	return find_after(" release version ", text, size, ret);
}

/* "gperftools 2.10": PACKAGE_STRING, in tc_version() */
static bool find_tcmalloc(const char *text, size_t size, struct version *ret)
{
	return find_after("gperftools ", text, size, ret);
}

/* "5.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c": JEMALLOC_VERSION, what `git describe --long` says */
static bool find_jemalloc(const char *text, size_t size, struct version *ret)
{
	for (const char *at = text; (at = memmem(at, size - (size_t)(at - text), "-g", 2)); at += 2) {
		const char *start = at;
		struct version version = { 0 };
		char copy[32];
		int length = 0;

		while (start > text && at - start < 24 && start[-1])
			start--;
		copy_text(start, size - (size_t)(start - text), copy);
		if (sscanf(copy, "%u.%u.%u-%*u-g%n", &version.major, &version.minor, &version.patch, &length) >= 3 && length) {
			*ret = version;
			return true;
		}
	}
	return false;
}

static bool find_musl_name(const char *text, size_t size, struct version *ret)
{
	(void)ret;
	return memmem(text, size, "musl libc (", 11); /* what its loader prints: ldso/dynlink.c */
}

/* "1.2.5" alone: __libc_version in src/internal/version.c */
static bool find_musl(const char *text, size_t size, struct version *ret)
{
	for (const char *at = text; (at = memmem(at, size - (size_t)(at - text), "\0001.", 3)); at += 3) {
		struct version version = { 0 };
		const char *start = at + 1;
		size_t left = size - (size_t)(start - text);
		char copy[32];
		int length = 0;

		copy_text(start, left, copy);
		if (sscanf(copy, "%u.%u.%u%n", &version.major, &version.minor, &version.patch, &length) == 3 &&
		    (size_t)length < left && !copy[length]) {
			*ret = version;
			return true;
		}
	}
	return false;
}

/* The number that a function returns, of which these are the first bytes: ENDBR64, if any, and MOV eax, imm32; 0: it is another. */
static uint32_t number_of_x86(const uint8_t code[9])
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	const uint8_t *at = memcmp(code, endbr64, sizeof(endbr64)) ? code : code + sizeof(endbr64);

	return *at == 0xb8 ? word32(at + 1) : 0;
}

/* BTI c, if any, and MOVZ w0, #imm16 */
static uint32_t number_of_arm64(const uint8_t code[9])
{
	uint32_t instruction = word32(word32(code) == 0xd503245f ? code + 4 : code);

	return (instruction & 0xffe0001f) == 0x52800000 ? instruction >> 5 & 0xffff : 0;
}

/* MI_MALLOC_VERSION as mi_version() loads it: 209 is 2.0.9; newer ones have two digits for minor and patch, 30600 is 3.6.0. */
static struct version read_mimalloc(const struct elf_file *file, uint64_t offset)
{
	struct version version = { 0 };
	uint8_t code[9] = { 0 };
	uint32_t number;

	if (pread(file->fd, code, sizeof(code), (off_t)offset) != sizeof(code))
		return version;
	number = file->header.e_machine == EM_AARCH64 ? number_of_arm64(code) : number_of_x86(code);
	if (number >= 100 && number < 1000)
		version = (struct version){ number / 100, number / 10 % 10, number % 10 };
	else if (number >= 10000 && number < 1000000)
		version = (struct version){ number / 10000, number / 100 % 100, number % 100 };
	return version;
}

bool version_is_musl(struct elf_file *file)
{
	struct version ignored;

	return search(file, find_musl_name, &ignored);
}

struct version version_read(struct elf_file *file, enum memgap_allocator allocator, uint64_t version_offset)
{
	struct version version = { 0 };

	switch (allocator) {
	case MEMGAP_GLIBC:
		search(file, find_glibc, &version);
		break;
	case MEMGAP_MUSL:
		search(file, find_musl, &version);
		break;
	case MEMGAP_JEMALLOC:
		search(file, find_jemalloc, &version);
		break;
	case MEMGAP_TCMALLOC:
		search(file, find_tcmalloc, &version);
		break;
	case MEMGAP_MIMALLOC:
		version = read_mimalloc(file, version_offset);
		break;
	}
	return version;
}
