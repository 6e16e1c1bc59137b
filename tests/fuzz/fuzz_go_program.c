// SPDX-License-Identifier: GPL-2.0-only
/* A process that runs a file which may be a Go program: where its runtime has its books. Its memory is what the file says it is. */
#include "tests/fuzz/fuzz.h"

#include "tests/fuzz/elf_mutator.h"
#include "user/go/build_info.h"
#include "user/go/executable.h"
#include "user/go/find.h"
#include "user/memory/image.h"

#define BIAS 0x555555554000ULL

static struct folder proc;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const names[] = { "exe", "auxv" };

	(void)argc, (void)argv;
	folder_make(&proc, names, COUNT_OF(names));
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	return elf_mutate(data, size, max_size, seed);
}

struct process {
	const uint8_t *bytes; /* the file's */
	size_t size;
	Elf64_Ehdr header;
	uint64_t bias;
};

static ssize_t read_memory(void *data, uint64_t address, void *buffer, size_t size)
{
	const struct process *process = data;

	for (int i = 0; i < process->header.e_phnum; i++) {
		uint64_t at = process->header.e_phoff + (uint64_t)i * sizeof(Elf64_Phdr), offset;
		Elf64_Phdr segment;

		if (at >= process->size || process->size - at < sizeof(segment))
			return 0;
		memcpy(&segment, process->bytes + at, sizeof(segment));
		offset = address - process->bias - segment.p_vaddr;
		if (segment.p_type != PT_LOAD || offset >= segment.p_filesz || segment.p_offset >= process->size ||
		    offset >= process->size - segment.p_offset)
			continue;
		if (size > process->size - (segment.p_offset + offset))
			size = process->size - (segment.p_offset + offset);
		memcpy(buffer, process->bytes + segment.p_offset + offset, size);
		return (ssize_t)size;
	}
	return 0;
}

static int no_pages(void *data, uint64_t start, size_t n, uint8_t *states)
{
	(void)data, (void)start;
	memset(states, PAGE_RESIDENT, n);
	return 0;
}

static void read_program(struct elf_file *file, struct process *process)
{
	struct image image = { .data = process, .page_bytes = 4096, .read = read_memory, .pages = no_pages };
	const char *why = NULL;
	struct build_info info;
	struct go_place place;
	int result;

	if (!build_info_read(file, &info))
		assert_true(strlen(info.version) < GO_VERSION_MAX);
	executable_has_c(file);
	if (executable_bias(proc.fd, file, &process->bias))
		return;
	result = find_go_place(file, &image, process->bias, &place, &why);
	assert_true(result || (place.controller && place.memstats));
	assert_true(!result || why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Elf64_auxv_t auxv[2] = { { .a_type = AT_PHDR } };
	struct process process = { .bytes = data, .size = size };
	struct elf_file file;

	memory_file_fill(proc.files[0], data, size);
	if (executable_open(proc.fd, &file))
		return 0;
	memcpy(&process.header, data, sizeof(process.header));
	auxv[0].a_un.a_val = BIAS + process.header.e_phoff;
	memory_file_fill(proc.files[1], auxv, sizeof(auxv));
	read_program(&file, &process);
	executable_close(&file);
	return 0;
}
