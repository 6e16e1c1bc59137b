// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/translator.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/allocator/modules.h"
#include "user/base/fs.h"
#include "user/target/pid.h"

#define GONE " (deleted)" /* d_path() in fs/d_path.c: an executable that was replaced */

static bool ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), n = strlen(end);

	return length >= n && !strcmp(text + length - n, end);
}

/* Of another machine's nothing is ever probed. */
#if defined(__x86_64__)
#define VALGRIND_ARCH "amd64"
#define QEMU_ARCH "x86_64"
#else
#define VALGRIND_ARCH "arm64"
#define QEMU_ARCH "aarch64"
#endif

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

/* A tool is /usr/libexec/valgrind/memcheck-amd64-linux; others may stand in a folder of that name, too. */
static bool is_valgrinds_tool(const char *path, const char *name)
{
	static const char *const tools[] = { "memcheck", "cachegrind", "callgrind", "helgrind", "drd", "massif", "dhat", "lackey", "none", NULL };
	static const char end[] = "-" VALGRIND_ARCH "-linux";
	char tool[NAME_MAX + 1];

	if (!ends_in(name, end) || strlen(name) > NAME_MAX)
		return false;
	strcpy(tool, name);
	tool[strlen(name) - strlen(end)] = '\0';
	return is_one_of(tool, tools) || strstr(path, "/valgrind/");
}

bool translator_is_named(const char *path)
{
	/* of valgrind, the launcher, which Debian has a script around */
	static const char *const names[] = { "valgrind", "valgrind.bin", "qemu-" QEMU_ARCH, "qemu-" QEMU_ARCH "-static",
					     "qemu-" QEMU_ARCH "-binfmt", NULL };
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	return is_one_of(name, names) || is_valgrinds_tool(path, name);
}

bool translator_is(int proc_fd, pid_t pid)
{
	char link[32], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "%d/exe", pid);
	n = readlinkat(proc_fd, link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	if (ends_in(path, GONE))
		path[(size_t)n - strlen(GONE)] = '\0';
	return translator_is_named(path);
}

/* Devices and inodes of maps may be those of an overlay: the file itself tells. Where we are short of something it is taken for that one. */
static bool is_file(const struct bpf_program *iterator, int proc_fd, pid_t pid, const struct memgap_module *mapping, uint64_t device,
		    uint64_t inode)
{
	struct memgap_module module;
	int fd = module_open(proc_fd, pid, mapping), result;

	if (fd < 0)
		return fs_is_short(fd);
	result = module_identify(iterator, proc_fd, fd, &module);
	close(fd);
	return result == -ENOMEM || (!result && module.device == device && module.inode == inode);
}

/* Looked at for one process: a program with a thousand libraries is none that we know of. */
#define MAX_FILES 1024

/*
 * One that began a moment ago may map it next: whoever started it may have run for long before its exec, but then there was an
 * event, and what was in place has been taken away.
 */
#define YOUNG_S 10

static bool is_young(int proc_fd, pid_t pid)
{
	struct timespec now;
	struct pid_stat stat;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return !pid_stat_read(proc_fd, pid, &stat) && (uint64_t)now.tv_sec < stat.start_time / (uint64_t)sysconf(_SC_CLK_TCK) + YOUNG_S;
}

static bool maps(const struct bpf_program *iterator, int proc_fd, pid_t pid, uint64_t device, uint64_t inode)
{
	struct modules mappings;
	size_t n = 0;
	bool found = false;
	int result = modules_read_all(proc_fd, pid, &mappings);

	/* where that cannot be told it is taken for one that does */
	if (result)
		return result != -ESRCH;
	for (size_t i = 0; i < mappings.n && !found; i++)
		if (!i || mappings.list[i].inode != mappings.list[i - 1].inode)
			found = ++n > MAX_FILES || is_file(iterator, proc_fd, pid, &mappings.list[i], device, inode);
	modules_free(&mappings);
	return found;
}

static int add(struct translators *translators, pid_t pid)
{
	pid_t *pids = realloc(translators->pids, (translators->n + 1) * sizeof(*pids));

	if (!pids)
		return -ENOMEM;
	translators->pids = pids;
	pids[translators->n++] = pid;
	return 0;
}

int translators_list(int proc_fd, struct translators *ret)
{
	int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;
	DIR *proc = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	*ret = (struct translators){ 0 };
	result = proc ? 0 : -errno;
	while (proc && !result && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && translator_is(proc_fd, pid))
			result = add(ret, pid);
	}
	if (result)
		translators_free(ret);
	if (proc)
		closedir(proc);
	else if (fd >= 0)
		close(fd);
	return result;
}

void translators_free(struct translators *translators)
{
	free(translators->pids);
	*translators = (struct translators){ 0 };
}

pid_t translators_find(const struct translators *translators, const struct bpf_program *iterator, int proc_fd, uint64_t device,
		       uint64_t inode)
{
	for (size_t i = 0; i < translators->n; i++)
		if (is_young(proc_fd, translators->pids[i]) || maps(iterator, proc_fd, translators->pids[i], device, inode))
			return translators->pids[i];
	return 0;
}
