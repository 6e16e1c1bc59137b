// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/known_files.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/log.h"

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

struct known_file *known_files_look_into(struct known_files *files, uint64_t device, uint64_t inode, int fd)
{
	struct known_file *file;
	struct stat st;
	int result;

	if (fstat(fd, &st))
		return NULL;
	for (file = files->list; file; file = file->next)
		if (file->inode == inode && file->device == device)
			break;
	if (file && is_unchanged(&file->seen, &st))
		return file;
	if (!file) {
		file = calloc(1, sizeof(*file));
		if (!file)
			return NULL;
		file->device = device;
		file->inode = inode;
		file->next = files->list;
		files->list = file;
	}
	file->seen = st;
	file->library_key = 0;
	result = library_read(fd, &file->library);
	if (!result && files->no_returns)
		result = library_use_exits(fd, &file->library);
	file->allocates = !result;
	file->foreign = result == -EOPNOTSUPP;
	return file;
}

int known_files_describe(struct known_files *files, struct known_file *known)
{
	struct memgap_library library = { 0 };
	uint32_t key = files->n_libraries + 1;
	int result;

	if (known->library_key)
		return 0;
	if (key >= MEMGAP_MAX_LIBRARIES)
		return -ENOSPC;
	memcpy(library.internal_frees, known->library.internal_frees, sizeof(library.internal_frees));
	library.above = known->library.above;
	library.class_max = known->library.class_max;
	result = bpf_map__update_elem(files->libraries, &key, sizeof(key), &library, sizeof(library), BPF_ANY);
	if (result)
		return result;
	known->library_key = files->n_libraries = key;
	if (known->library.unsafe)
		log_message("%s of this %s cannot be probed safely: what it allocates is not in Alloc", known->library.unsafe,
			    known->library.name);
	return 0;
}

const struct library *known_files_library(const struct known_files *files, uint32_t key)
{
	for (const struct known_file *file = files->list; key && file; file = file->next)
		if (file->library_key == key)
			return &file->library;
	return NULL;
}

void known_files_free(struct known_files *files)
{
	while (files->list) {
		struct known_file *file = files->list;

		files->list = file->next;
		free(file);
	}
}
