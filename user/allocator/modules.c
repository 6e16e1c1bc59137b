// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/modules.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "user/base/fs.h"

#define MAPS_MAX (64 << 20)

static int add(struct modules *modules, const struct memgap_module *module)
{
	if (modules->n == modules->room) {
		size_t room = modules->room ? 2 * modules->room : 16;
		struct memgap_module *list = realloc(modules->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		modules->list = list;
		modules->room = room;
	}
	modules->list[modules->n++] = *module;
	return 0;
}

static int read_iterator(const struct bpf_program *iterator, pid_t pid, struct modules *ret)
{
	union bpf_iter_link_info info = { .task = { .pid = (__u32)pid } };
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));
	struct bpf_link *link = bpf_program__attach_iter(iterator, &options);
	struct memgap_module batch[64];
	ssize_t bytes = 0;
	int fd, result = 0;

	if (!link)
		return errno == ESRCH ? -ESRCH : -EOPNOTSUPP;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		result = -EOPNOTSUPP;
	/* the kernel hands out whole records */
	while (!result && (bytes = read(fd, batch, sizeof(batch))) > 0)
		for (size_t i = 0; !result && i < (size_t)bytes / sizeof(batch[0]); i++) {
			/* from the kernel's own encoding (MINORBITS, include/linux/kdev_t.h) to that of stat() */
			batch[i].device = makedev((unsigned int)(batch[i].device >> 20), batch[i].device & 0xfffff);
			result = add(ret, &batch[i]);
		}
	if (!result && bytes < 0)
		result = errno == ESRCH ? -ESRCH : -EIO;
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return result;
}

/* "start-end perms offset major:minor inode path": proc(5). Whether it is a file's, and code unless all are wanted. */
static bool parse_line(const char *line, bool all, struct memgap_module *ret)
{
	unsigned int major, minor;
	char permissions[5];

	if (sscanf(line, "%llx-%llx %4s %*x %x:%x %llu", &ret->start, &ret->end, permissions, &major, &minor, &ret->inode) != 6)
		return false;
	ret->device = makedev(major, minor);
	return strlen(permissions) == 4 && (all || permissions[2] == 'x') && ret->inode;
}

int modules_parse_maps(const char *text, bool all, struct modules *ret)
{
	while (*text) {
		size_t length = strcspn(text, "\n"), part;
		struct memgap_module module;
		char start[128]; /* the path is not looked at; a copy, since sscanf() would go through the rest of the text */
		int result;

		part = length < sizeof(start) ? length : sizeof(start) - 1;
		memcpy(start, text, part);
		start[part] = '\0';
		result = parse_line(start, all, &module) ? add(ret, &module) : 0;
		if (result)
			return result;
		text += length + (text[length] == '\n');
	}
	return 0;
}

static int read_maps(int proc_fd, pid_t pid, bool all, struct modules *ret)
{
	char path[32], *text;
	int result;

	snprintf(path, sizeof(path), "%d/maps", pid);
	result = read_whole_file_at(proc_fd, path, MAPS_MAX, &text);
	if (result)
		return result == -ENOENT ? -ESRCH : result;
	result = modules_parse_maps(text, all, ret);
	free(text);
	return result;
}

/* Why a process shows no file with code: it is gone, a zombie, or not ours to look into; 0: it has none. */
static int explain_none(int proc_fd, pid_t pid)
{
	char path[32], target[1];

	snprintf(path, sizeof(path), "%d/exe", pid);
	if (readlinkat(proc_fd, path, target, sizeof(target)) > 0)
		return 0;
	return errno == ENOENT ? -ESRCH : -errno;
}

int modules_read(const struct bpf_program *iterator, int proc_fd, pid_t pid, struct modules *ret)
{
	int result = -EOPNOTSUPP;

	*ret = (struct modules){ 0 };
	if (iterator)
		result = read_iterator(iterator, pid, ret);
	if (result == -EOPNOTSUPP)
		result = read_maps(proc_fd, pid, false, ret);
	if (!result && !ret->n)
		result = explain_none(proc_fd, pid);
	if (result)
		modules_free(ret);
	return result;
}

int modules_read_all(int proc_fd, pid_t pid, struct modules *ret)
{
	int result;

	*ret = (struct modules){ 0 };
	result = read_maps(proc_fd, pid, true, ret);
	if (result)
		modules_free(ret);
	return result;
}

void modules_free(struct modules *modules)
{
	free(modules->list);
	*modules = (struct modules){ 0 };
}

int module_open(int proc_fd, pid_t pid, const struct memgap_module *module)
{
	char path[96];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%d/map_files/%llx-%llx", pid, module->start, module->end);
	/* looked at first: opening a device could have an effect */
	if (fstatat(proc_fd, path, &st, 0))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

int module_identify(const struct bpf_program *iterator, int proc_fd, int fd, struct memgap_module *ret)
{
	void *mapping = mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	struct modules modules;
	int result;

	if (mapping == MAP_FAILED)
		return -errno;
	result = modules_read(iterator, proc_fd, getpid(), &modules);
	if (!result) {
		result = -ENOENT;
		for (size_t i = 0; i < modules.n; i++) {
			if (modules.list[i].start != (uintptr_t)mapping)
				continue;
			*ret = modules.list[i];
			result = 0;
		}
		modules_free(&modules);
	}
	munmap(mapping, 1);
	return result;
}
