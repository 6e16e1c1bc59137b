/* SPDX-License-Identifier: GPL-2.0-only */
/* A copy of this process's libc in memory, for lies to be written into. After helpers.h. */
#ifndef MEMGAP_TESTS_UNIT_ELF_IMAGE_H
#define MEMGAP_TESTS_UNIT_ELF_IMAGE_H

#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>

/* libc itself, not what an interposer such as the address sanitizer puts before it. */
static inline void *libc_symbol(const char *name)
{
	static void *libc;

	if (!libc)
		libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	assert_non_null(libc);
	return dlsym(libc, name);
}

static inline const char *libc_path(void)
{
	static char path[PATH_MAX];
	Dl_info info;

	assert_true(dladdr(libc_symbol("gnu_get_libc_version"), &info) != 0);
	assert_non_null(realpath(info.dli_fname, path));
	return path;
}

struct elf_image {
	size_t size;
	union {
		char *bytes;
		Elf64_Ehdr *header;
	};
};

static inline struct elf_image libc_image(void)
{
	struct elf_image image;
	int fd = open(libc_path(), O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	image.size = (size_t)st.st_size;
	image.bytes = malloc(image.size);
	assert_int_equal(pread(fd, image.bytes, image.size, 0), st.st_size);
	close(fd);
	return image;
}

static inline Elf64_Shdr *image_sections(const struct elf_image *image)
{
	return (Elf64_Shdr *)(image->bytes + image->header->e_shoff);
}

static inline Elf64_Shdr *image_dynsym(const struct elf_image *image)
{
	for (int i = 0; i < image->header->e_shnum; i++)
		if (image_sections(image)[i].sh_type == SHT_DYNSYM)
			return &image_sections(image)[i];
	fail_msg("libc has no dynamic symbols");
	return NULL;
}

static inline Elf64_Shdr *image_dynstr(const struct elf_image *image)
{
	return &image_sections(image)[image_dynsym(image)->sh_link];
}

static inline Elf64_Sym *image_symbol(const struct elf_image *image, const char *name)
{
	const Elf64_Shdr *dynsym = image_dynsym(image);
	Elf64_Sym *symbols = (Elf64_Sym *)(image->bytes + dynsym->sh_offset);

	for (size_t i = 0; i < dynsym->sh_size / sizeof(*symbols); i++)
		if (!strcmp(image->bytes + image_dynstr(image)->sh_offset + symbols[i].st_name, name))
			return &symbols[i];
	fail_msg("libc has no symbol %s", name);
	return NULL;
}

/* It as a file in memory, of its own length or, with a hole at the end, a longer one. */
static inline int image_open(const struct elf_image *image, size_t length)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, image->bytes, image->size), image->size);
	assert_int_equal(ftruncate(fd, (off_t)length), 0);
	return fd;
}

#endif
