// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/examine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/allocator/modules.h"
#include "user/allocator/translator.h"
#include "user/base/text.h"

/* As the process itself would call it; " (deleted)" at its end when the name is gone. */
static char *path_of(int proc_fd, pid_t pid, const struct memgap_module *module)
{
	char link[96], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "%d/map_files/%llx-%llx", pid, module->start, module->end);
	n = readlinkat(proc_fd, link, path, sizeof(path) - 1);
	if (n < 0)
		return NULL;
	path[n] = '\0';
	return strdup(text_make_printable(path));
}

static struct examined_file *find_file(const struct examiner *examiner, const struct memgap_module *module)
{
	struct examined_file *file = examiner->files;

	while (file && (file->inode != module->inode || file->device != module->device))
		file = file->next;
	return file;
}

static int look_into(struct examiner *examiner, pid_t pid, const struct memgap_module *module, struct examined_file **ret)
{
	struct examined_file *file;
	int fd;

	*ret = find_file(examiner, module);
	if (*ret)
		return 0;
	fd = module_open(examiner->proc_fd, pid, module);
	if (fd < 0)
		return fd;
	file = calloc(1, sizeof(*file));
	if (file) {
		*file = (struct examined_file){ .device = module->device, .inode = module->inode, .next = examiner->files };
		file->result = library_read(fd, &file->library);
		if (!file->result && examiner->no_returns)
			file->result = library_use_exits(fd, &file->library);
		if (!file->result || file->result == -EOPNOTSUPP)
			file->path = path_of(examiner->proc_fd, pid, module);
		examiner->files = *ret = file;
	}
	close(fd);
	return file ? 0 : -ENOMEM;
}

/* A file may be mapped more than once. */
static int add_allocator(struct examined *examined, const struct examined_file *file)
{
	const struct examined_file **list;

	for (size_t i = 0; i < examined->n; i++)
		if (examined->allocators[i] == file)
			return 0;
	list = realloc(examined->allocators, (examined->n + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	list[examined->n++] = file;
	examined->allocators = list;
	return 0;
}

static int examine_modules(struct examiner *examiner, pid_t pid, const struct modules *modules, struct examined *examined)
{
	int failure = 0;

	for (size_t i = 0; i < modules->n; i++) {
		struct examined_file *file;
		int result = look_into(examiner, pid, &modules->list[i], &file);

		if (!result && (!file->result || file->result == -EOPNOTSUPP))
			result = add_allocator(examined, file);
		/* no regular file, or a mapping that went away meanwhile */
		if (result && result != -ENOENT && result != -ENOEXEC)
			failure = result;
	}
	return failure;
}

static void read_program(int dir_fd, const char *path, struct program *ret)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	*ret = (struct program){ 0 };
	if (fd < 0)
		return;
	program_read(fd, ret);
	close(fd);
}

int examine_process(struct examiner *examiner, pid_t pid, struct examined *ret)
{
	struct examined examined = { 0 };
	struct modules modules;
	char path[32];
	int result;

	snprintf(path, sizeof(path), "%d/exe", pid);
	read_program(examiner->proc_fd, path, &examined.program);
	result = translator_is(examiner->proc_fd, pid) ? IS_TRANSLATOR : modules_read(examiner->iterator, examiner->proc_fd, pid, &modules);
	if (!result) {
		result = examine_modules(examiner, pid, &modules, &examined);
		modules_free(&modules);
	}
	*ret = examined;
	if (result)
		examined_free(ret);
	return result;
}

void examine_program(const char *path, struct examined *ret)
{
	*ret = (struct examined){ 0 };
	read_program(AT_FDCWD, path, &ret->program);
}

void examined_free(struct examined *examined)
{
	free(examined->allocators);
	examined->allocators = NULL;
	examined->n = 0;
}

void examiner_close(struct examiner *examiner)
{
	while (examiner->files) {
		struct examined_file *file = examiner->files;

		examiner->files = file->next;
		free(file->path);
		free(file);
	}
}

bool examined_is_probed(const struct examined *examined)
{
	for (size_t i = 0; i < examined->n; i++)
		if (!examined->allocators[i]->result)
			return true;
	return false;
}

/* An allocator that could be probed but for the ends of its calls; NULL: none is. */
static const char *name_without_ends(const struct examined *examined)
{
	for (size_t i = 0; i < examined->n; i++)
		if (examined->allocators[i]->library.name[0])
			return examined->allocators[i]->library.name;
	return NULL;
}

const char *examined_explain_nothing(const struct examined *examined, char text[EXAMINED_WHY_MAX])
{
	const struct program *program = &examined->program;
	const char *unseen = name_without_ends(examined);

	if (unseen)
		snprintf(text, EXAMINED_WHY_MAX, "without return probes it cannot be told where the calls of its %s end", unseen);
	else if (examined->n)
		snprintf(text, EXAMINED_WHY_MAX, "its allocator is none that memgap knows (%s)",
			 examined->allocators[0]->path ? examined->allocators[0]->path : "its path is not known");
	else if (program->known && program->is_go)
		snprintf(text, EXAMINED_WHY_MAX, "a Go program: it has no malloc to probe, its heap is the Go runtime's own");
	else if (program->known && program->is_static && !program->has_symbols)
		snprintf(text, EXAMINED_WHY_MAX, "a stripped static executable: without symbols its malloc cannot be found");
	else if (program->known && program->is_static)
		snprintf(text, EXAMINED_WHY_MAX, "a static executable, in which there is no malloc that memgap knows");
	else
		snprintf(text, EXAMINED_WHY_MAX, "it maps no allocator that memgap knows");
	return text;
}
