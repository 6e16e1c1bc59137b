/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes an ELF file where it is read: a field of its header, of a section's or a segment's, of a symbol, or an entry of a
 * table; every other time anywhere, as libFuzzer does it.
 */
#ifndef MEMGAP_TESTS_FUZZ_ELF_MUTATOR_H
#define MEMGAP_TESTS_FUZZ_ELF_MUTATOR_H

#include "tests/fuzz/fuzz.h"

#include <elf.h>

static uint64_t elf_random(uint64_t *state)
{
	/* xorshift64* (Vigna 2016) */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

static inline uint64_t elf_value(uint64_t *state, uint64_t was, size_t size)
{
	uint64_t random = elf_random(state);

	switch (random % 8) {
	case 0:
		return elf_random(state);
	case 1:
		return was + random / 8 % 33 - 16;
	case 2:
		return size;
	case 3:
		return size - random / 8 % 64;
	case 4:
		return UINT64_MAX - random / 8 % 4096;
	case 5:
		return 1ULL << (random / 8 % 64);
	case 6:
		return random / 8 % 64;
	default:
		return random / 8 % (size + 1);
	}
}

/* One of the words, of 8, 4 or 2 bytes, of a record. */
static inline void elf_change(uint64_t *state, uint8_t *data, size_t size, uint64_t record, size_t record_bytes)
{
	size_t bytes = (size_t)2 << (elf_random(state) % 3), at = elf_random(state) % (record_bytes / bytes) * bytes;
	uint64_t value = 0;

	if (record >= size || size - record < record_bytes)
		return;
	memcpy(&value, data + record + at, bytes);
	value = elf_value(state, value, size);
	memcpy(data + record + at, &value, bytes);
}

static inline void elf_change_section(uint64_t *state, uint8_t *data, size_t size, const Elf64_Ehdr *header)
{
	uint64_t at = header->e_shoff + elf_random(state) % (header->e_shnum ? header->e_shnum : 1) * sizeof(Elf64_Shdr);
	Elf64_Shdr section;

	if (at >= size || size - at < sizeof(section) || elf_random(state) % 3 == 0) {
		elf_change(state, data, size, at, sizeof(section));
		return;
	}
	/* in what it holds: symbols, relocations, entries of .dynamic, of .eh_frame_hdr */
	memcpy(&section, data + at, sizeof(section));
	if (section.sh_size >= 24)
		elf_change(state, data, size, section.sh_offset + elf_random(state) % (section.sh_size / 8) * 8, 8);
}

static inline size_t elf_mutate(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	uint64_t state = seed * 2ULL + 1;
	Elf64_Ehdr header;

	if (size < sizeof(header) || elf_random(&state) % 2)
		return LLVMFuzzerMutate(data, size, max_size);
	for (uint64_t changes = 1 + elf_random(&state) % 3; changes; changes--) {
		memcpy(&header, data, sizeof(header));
		switch (elf_random(&state) % 8) {
		case 0:
			elf_change(&state, data, size, 0, sizeof(header));
			break;
		case 1:
		case 2:
			elf_change(&state, data, size, header.e_phoff + elf_random(&state) % (header.e_phnum + 1U) * sizeof(Elf64_Phdr),
				   sizeof(Elf64_Phdr));
			break;
		default:
			elf_change_section(&state, data, size, &header);
		}
	}
	return size;
}

#endif
