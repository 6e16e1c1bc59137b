// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/probed_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/allocator/modules.h"
#include "user/allocator/translator.h"
#include "user/base/log.h"
#include "user/target/pid.h"

/* Probes on a file; pid 0: for everyone. */
struct probed_file {
	struct known_file *known;
	pid_t pid;
	int fd;    /* of the file, to put them back */
	bool away; /* they are not in place: nothing is counted */
	struct attachment attachment;
	struct probed_file *next;
};

static struct probed_file *find_probed(struct probed_files *files, const struct known_file *known, pid_t pid)
{
	for (struct probed_file *file = files->probed; file; file = file->next)
		if (file->known == known && file->pid == pid)
			return file;
	return NULL;
}

static bool is_away(const struct probed_files *files, probe_group group)
{
	for (size_t i = 0; i < files->n_away; i++)
		if (files->away[i] == group)
			return true;
	return false;
}

/* On a file for everyone: TRANSLATOR_MAPS_IT where that would end somebody. */
static int look_for_translator(const struct probed_files *files, struct known_file *known, const struct translators *running)
{
	pid_t before = known->translator;

	if (before && translator_is(files->proc_fd, before))
		return TRANSLATOR_MAPS_IT;
	known->translator = translators_find(running, files->iterator, files->proc_fd, known->device, known->inode);
	if (!known->translator)
		return 0;
	if (!before)
		log_message("the %s is not probed while pid %d runs, which translates a program (valgrind, qemu) and maps it, or may next: a probe "
			    "would end what it runs", known->library.name, known->translator);
	return TRANSLATOR_MAPS_IT;
}

/* running: of a file for everyone. */
static int put_in_place(struct probed_files *files, struct probed_file *file, const struct translators *running)
{
	const struct library *library = &file->known->library;
	bool remembered = memgap_is_remembered(library->allocator);
	int result = file->pid ? 0 : look_for_translator(files, file->known, running);

	if (result)
		return result;
	files->any_remembered |= remembered;
	return attachment_make(&file->attachment, remembered ? &files->remembered : &files->beside, file->fd, library,
			       file->known->library_key, file->pid);
}

/* Probes for one process end nobody else. */
static int list_translators(const struct probed_files *files, probe_group group, struct translators *ret)
{
	*ret = (struct translators){ 0 };
	return group ? 0 : translators_list(files->proc_fd, ret);
}

static int put_first(struct probed_files *files, struct probed_file *file)
{
	struct translators running;
	int result = list_translators(files, file->pid, &running);

	if (!result)
		result = put_in_place(files, file, &running);
	translators_free(&running);
	return result;
}

static void release(struct probed_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	free(file);
}

static int add_probed(struct probed_files *files, struct known_file *known, int fd, pid_t pid, struct probed_file **ret)
{
	struct probed_file *file;
	int result = known_files_describe(&files->known, known);

	if (result)
		return result;
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	*file = (struct probed_file){ .known = known, .pid = pid, .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0), .away = is_away(files, pid) };
	result = file->fd < 0 ? -errno : file->away ? 0 : put_first(files, file);
	if (result) {
		release(file);
		return result;
	}
	file->next = files->probed;
	files->probed = file;
	*ret = file;
	return 0;
}

/* Probes on a known file, unless they are there, or are kept away; tells since when: never, if so. */
static int probe_file(struct probed_files *files, struct known_file *known, int fd, pid_t pid, uint64_t *ret_ns)
{
	struct probed_file *file = find_probed(files, known, pid);
	int result = file ? 0 : add_probed(files, known, fd, pid, &file);

	if (!result)
		*ret_ns = file->away ? UINT64_MAX : file->attachment.complete_ns;
	return result;
}

/* Beside the libc, which every program has, another allocator is the one that the program really uses. */
static void name_allocator(struct allocator *allocator, const struct known_file *known)
{
	if (allocator->name[0] && !memgap_is_remembered(known->library.allocator))
		return;
	memcpy(allocator->name, known->library.name, sizeof(allocator->name));
	allocator->library = known->library_key;
	allocator->remembered = memgap_is_remembered(known->library.allocator);
}

static int attach_module(struct probed_files *files, pid_t pid, bool everyone, const struct memgap_module *module,
			 struct allocator *allocator)
{
	int fd = module_open(files->proc_fd, pid, module), result = 0;
	struct known_file *known;
	uint64_t ns;

	if (fd < 0)
		return fd == -ENOEXEC ? 0 : fd;
	known = known_files_look_into(&files->known, module->device, module->inode, fd);
	allocator->foreign |= known && known->foreign;
	if (known && known->allocates) {
		result = probe_file(files, known, fd, everyone ? 0 : pid, &ns);
		if (!result) {
			name_allocator(allocator, known);
			if (ns > allocator->attached_ns)
				allocator->attached_ns = ns;
		}
	}
	close(fd);
	return result;
}

static bool shows_memory(int proc_fd, pid_t pid)
{
	struct pid_stat stat;

	return !pid_stat_read(proc_fd, pid, &stat) && pid_stat_shows_memory(&stat);
}

int probed_files_attach(struct probed_files *files, pid_t pid, bool everyone, struct allocator *ret)
{
	struct allocator allocator = { 0 };
	struct modules modules;
	int result, failure = 0;

	if (translator_is(files->proc_fd, pid)) {
		/* it may have become one */
		probed_files_forget(files, pid);
		return IS_TRANSLATOR;
	}
	result = modules_read(files->iterator, files->proc_fd, pid, &modules);
	if (result)
		return result;
	for (size_t i = 0; i < modules.n; i++) {
		result = attach_module(files, pid, everyone, &modules.list[i], &allocator);
		/* a mapping that went away meanwhile is no failure, and one bad file does not hide the others */
		if (result && result != -ENOENT)
			failure = result;
	}
	modules_free(&modules);
	if (failure)
		return failure;
	/* of one that ends, or whose first thread has ended, some kernels list what cannot be opened any more */
	if (!allocator.name[0])
		return shows_memory(files->proc_fd, pid) ? -ENOENT : -ESRCH;
	*ret = allocator;
	return 0;
}

int probed_files_attach_path(struct probed_files *files, const char *path, pid_t pid, struct allocator *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), result;
	struct memgap_module module;
	struct known_file *known;
	struct stat st;

	if (fd < 0)
		return -errno;
	result = fstat(fd, &st) || !S_ISREG(st.st_mode) ? -ENOENT :
							  module_identify(files->iterator, files->proc_fd, fd, &module);
	if (!result) {
		known = known_files_look_into(&files->known, module.device, module.inode, fd);
		ret->foreign |= known && known->foreign;
		result = known && known->allocates ? probe_file(files, known, fd, pid, &ret->attached_ns) : -ENOENT;
	}
	if (!result)
		name_allocator(ret, known);
	close(fd);
	return result;
}

void probed_files_forget(struct probed_files *files, pid_t pid)
{
	struct probed_file **at = &files->probed, *file;

	while ((file = *at)) {
		if (file->pid != pid) {
			at = &file->next;
			continue;
		}
		*at = file->next;
		attachment_remove(&file->attachment);
		release(file);
	}
}

void probed_files_detach(struct probed_files *files)
{
	struct attachment **list;
	size_t n = 0, i = 0;

	for (struct probed_file *file = files->probed; file; file = file->next)
		n++;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return; /* then one by one */
	for (struct probed_file *file = files->probed; file; file = file->next)
		list[i++] = &file->attachment;
	attachments_remove(list, n);
	free(list);
}

static bool is_in(const struct probed_file *file, const probe_group *groups, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (file->pid == groups[i])
			return true;
	return false;
}

static int note_away(struct probed_files *files, const probe_group *groups, size_t n)
{
	probe_group *away = realloc(files->away, (files->n_away + n + 1) * sizeof(*away));

	if (!away)
		return -ENOMEM;
	files->away = away;
	for (size_t i = 0; i < n; i++)
		if (!is_away(files, groups[i]))
			away[files->n_away++] = groups[i];
	return 0;
}

static void note_back(struct probed_files *files, probe_group group)
{
	size_t n = 0;

	for (size_t i = 0; i < files->n_away; i++)
		if (files->away[i] != group)
			files->away[n++] = files->away[i];
	files->n_away = n;
}

int probed_files_take_away(struct probed_files *files, const probe_group *groups, size_t n_groups, struct attachment **ret, size_t *ret_n)
{
	struct attachment *list;
	size_t n = 0;

	for (struct probed_file *file = files->probed; file; file = file->next)
		n += is_in(file, groups, n_groups) && !file->away;
	list = calloc(n + 1, sizeof(*list));
	if (!list || note_away(files, groups, n_groups)) {
		free(list);
		return -ENOMEM;
	}
	*ret = list;
	*ret_n = n;
	for (struct probed_file *file = files->probed; file; file = file->next) {
		if (!is_in(file, groups, n_groups) || file->away)
			continue;
		*list++ = file->attachment;
		file->attachment = (struct attachment){ 0 };
		file->away = true;
	}
	return 0;
}

/* Those that are back already when one of them cannot be: nobody would watch over what they cost. */
static void take_away_again(struct probed_files *files, probe_group group)
{
	for (struct probed_file *file = files->probed; file; file = file->next) {
		if (file->pid != group || file->away)
			continue;
		attachment_remove(&file->attachment);
		file->attachment = (struct attachment){ 0 };
		file->away = true;
	}
}

int probed_files_put_back(struct probed_files *files, probe_group group)
{
	struct translators running;
	int result = list_translators(files, group, &running);

	for (struct probed_file *file = files->probed; file && !result; file = file->next) {
		if (file->pid != group || !file->away)
			continue;
		result = put_in_place(files, file, &running);
		file->away = result != 0;
	}
	translators_free(&running);
	if (result)
		take_away_again(files, group);
	else
		note_back(files, group);
	return result;
}

void probed_files_drop(struct probed_files *files, pid_t pid)
{
	probed_files_forget(files, pid);
	note_back(files, pid);
}

void probed_files_remove_all(struct probed_files *files)
{
	probed_files_detach(files);
	free(files->away);
	files->away = NULL;
	files->n_away = 0;
	while (files->probed) {
		struct probed_file *file = files->probed;

		files->probed = file->next;
		attachment_remove(&file->attachment);
		release(file);
	}
	known_files_free(&files->known);
}
