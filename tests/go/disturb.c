// SPDX-License-Identifier: GPL-2.0-only
/*
 * disturb FILE ROUNDS: a Go program's file with odd values in the headers of the file, its segments and its sections, in its table
 * of functions and anywhere, looked through as that of a process would be. Exit status 0 when that neither crashes nor hangs,
 * and what was not disturbed is found.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/go/build_info.h"
#include "user/go/executable.h"
#include "user/go/find.h"
#include "user/go/pclntab.h"

struct subject {
	int fd; /* a copy, which is disturbed */
	uint8_t *bytes;
	size_t size;
	size_t table; /* where the table of functions is */
};

/* The same disturbances each time. */
static uint64_t next_random(void)
{
	static uint64_t state = 20260131;

	state = state * 6364136223846793005U + 1442695040888963407U;
	return state >> 33;
}

/* What a process that has not run yet has there: what the file has. */
static ssize_t read_memory(void *data, uint64_t address, void *buffer, size_t size)
{
	const struct subject *subject = data;
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)subject->bytes;
	const Elf64_Phdr *segments = (const Elf64_Phdr *)(subject->bytes + header->e_phoff);

	for (int i = 0; i < header->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD && address - segments[i].p_vaddr < segments[i].p_filesz)
			return pread(subject->fd, buffer, size, (off_t)(address - segments[i].p_vaddr + segments[i].p_offset));
	return 0;
}

/* Whether it is found. */
static bool look(struct subject *subject)
{
	struct image image = { .data = subject, .page_bytes = 4096, .read = read_memory };
	struct build_info info;
	struct elf_file file;
	struct go_place place;
	const char *why;
	bool found;

	if (elf_file_open(subject->fd, &file))
		return false;
	build_info_read(&file, &info);
	executable_has_c(&file);
	found = !find_go_place(&file, &image, 0, &place, &why);
	elf_file_close(&file);
	return found;
}

static void disturb(struct subject *subject)
{
	static const uint64_t odd[] = { 0, 1, 2, 7, 0xff, 0xffff, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX, UINT64_MAX - 0xfff };
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)subject->bytes;
	const size_t starts[] = { 0, header->e_phoff, header->e_shoff, subject->table, subject->table, 0 };
	const size_t sizes[] = { sizeof(*header), header->e_phnum * sizeof(Elf64_Phdr), header->e_shnum * sizeof(Elf64_Shdr), 72,
				 subject->size - subject->table, subject->size };
	size_t part = next_random() % 6, width = 1UL << next_random() % 4;
	size_t at = starts[part] + next_random() % (sizes[part] / width) * width;
	uint64_t value = next_random() % 2 ? odd[next_random() % (sizeof(odd) / sizeof(odd[0]))] : next_random();

	if (pwrite(subject->fd, &value, width, (off_t)at) != (ssize_t)width)
		exit(2);
	look(subject);
	if (pwrite(subject->fd, subject->bytes + at, width, (off_t)at) != (ssize_t)width)
		exit(2);
}

static bool load(const char *path, struct subject *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int64_t table;

	if (fd < 0 || fstat(fd, &st))
		return false;
	ret->size = (size_t)st.st_size;
	ret->bytes = malloc(ret->size);
	ret->fd = memfd_create("subject", MFD_CLOEXEC);
	if (read(fd, ret->bytes, ret->size) != st.st_size || write(ret->fd, ret->bytes, ret->size) != st.st_size)
		return false;
	table = pclntab_search(ret->bytes, ret->size);
	ret->table = (size_t)table;
	close(fd);
	return table >= 0;
}

int main(int argc, char **argv)
{
	struct subject subject;

	if (argc != 3 || !load(argv[1], &subject))
		return 2;
	alarm(100);
	for (int i = atoi(argv[2]); i; i--)
		disturb(&subject);
	/* where all is relocated, the file alone does not tell where code starts */
	if (((const Elf64_Ehdr *)subject.bytes)->e_type == ET_EXEC && !look(&subject)) {
		puts("what is not disturbed is not found");
		return 1;
	}
	close(subject.fd);
	free(subject.bytes);
	return 0;
}
