// SPDX-License-Identifier: GPL-2.0-only
#include "user/go/executable.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* It has some 25 pairs. */
#define MAX_AUXV 64

int executable_open(int dir_fd, struct elf_file *ret)
{
	struct stat st;
	int fd, result;

	/* looked at first: opening a device could have an effect */
	if (fstatat(dir_fd, "exe", &st, 0))
		return errno == ENOENT ? -ESRCH : -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	fd = openat(dir_fd, "exe", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	result = elf_file_open(fd, ret);
	if (result)
		close(fd);
	return result;
}

void executable_close(struct elf_file *file)
{
	elf_file_close(file);
	close(file->fd);
}

/* The address that the kernel told the process for one of them; 0. */
static uint64_t auxiliary(int dir_fd, uint64_t type)
{
	Elf64_auxv_t pairs[MAX_AUXV];
	int fd = openat(dir_fd, "auxv", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, pairs, sizeof(pairs));

	if (fd >= 0)
		close(fd);
	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(pairs[0]); i++)
		if (pairs[i].a_type == type)
			return pairs[i].a_un.a_val;
	return 0;
}

/* The file's address of its own table of segments. */
static int segments_address(const struct elf_file *file, uint64_t *ret)
{
	uint64_t offset = file->header.e_phoff;

	for (int i = 0; i < file->header.e_phnum; i++) {
		GElf_Phdr segment;

		if (!gelf_getphdr(file->elf, i, &segment) || segment.p_type != PT_LOAD || offset < segment.p_offset ||
		    offset - segment.p_offset >= segment.p_filesz)
			continue;
		*ret = segment.p_vaddr + (offset - segment.p_offset);
		return 0;
	}
	return -ENOEXEC;
}

int executable_bias(int dir_fd, const struct elf_file *file, uint64_t *ret)
{
	uint64_t there, linked;

	*ret = 0;
	if (file->header.e_type != ET_DYN)
		return 0;
	there = auxiliary(dir_fd, AT_PHDR);
	if (!there || segments_address(file, &linked))
		return -ENOEXEC;
	*ret = there - linked;
	return 0;
}

static bool needs_libraries(struct elf_file *file)
{
	GElf_Shdr header;
	Elf_Data *data = elf_file_load(file, elf_file_section(file, ".dynamic", &header));

	for (size_t i = 0; data && i < data->d_size / sizeof(Elf64_Dyn); i++) {
		GElf_Dyn entry;

		if (gelf_getdyn(data, (int)i, &entry) && entry.d_tag == DT_NEEDED)
			return true;
	}
	return false;
}

bool executable_has_c(struct elf_file *file)
{
	GElf_Shdr ignored;

	return needs_libraries(file) || elf_file_section(file, ".init_array", &ignored);
}
