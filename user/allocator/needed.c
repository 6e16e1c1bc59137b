// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/needed.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_SEGMENTS 64
#define MAX_SCRIPTS 4 /* a script whose interpreter is a script …: BINPRM_MAX_RECURSION in fs/exec.c */

static int read_shebang(const char *text, char ret_path[PATH_MAX])
{
	size_t length;

	text += 2 + strspn(text + 2, " \t");
	length = strcspn(text, " \t\n");
	if (!length || length >= PATH_MAX)
		return -ENOEXEC;
	memcpy(ret_path, text, length);
	ret_path[length] = '\0';
	return 2;
}

static int read_interp(int fd, const Elf64_Ehdr *header, char ret_path[PATH_MAX])
{
	for (int i = 0; i < header->e_phnum && i < MAX_SEGMENTS; i++) {
		Elf64_Phdr segment;
		off_t at = (off_t)(header->e_phoff + (uint64_t)i * sizeof(segment));

		if (pread(fd, &segment, sizeof(segment), at) != sizeof(segment))
			return -ENOEXEC;
		if (segment.p_type != PT_INTERP)
			continue;
		if (segment.p_filesz < 2 || segment.p_filesz >= PATH_MAX ||
		    pread(fd, ret_path, segment.p_filesz, (off_t)segment.p_offset) != (ssize_t)segment.p_filesz)
			return -ENOEXEC;
		ret_path[segment.p_filesz] = '\0';
		return 1;
	}
	return 0;
}

int needed_interpreter(const char *program, char ret_path[PATH_MAX])
{
	char start[256] = "";
	Elf64_Ehdr header;
	int fd = open(program, O_RDONLY | O_CLOEXEC), result = -ENOEXEC;

	if (fd < 0)
		return -errno;
	if (pread(fd, start, sizeof(start) - 1, 0) >= 2 && !memcmp(start, "#!", 2))
		result = read_shebang(start, ret_path);
	else if (pread(fd, &header, sizeof(header), 0) == sizeof(header) && !memcmp(header.e_ident, ELFMAG, SELFMAG) &&
		 header.e_ident[EI_CLASS] == ELFCLASS64)
		result = read_interp(fd, &header, ret_path);
	close(fd);
	return result;
}

/* "	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)", or "	/lib64/ld-linux-x86-64.so.2 (0x…)" for the loader itself */
static void visit_line(const char *line, void (*visit)(const char *path, void *data), void *data)
{
	const char *path = strstr(line, "=> /");
	const char *end = strstr(line, " (0x");
	char text[PATH_MAX];

	path = path ? path + 3 : strchr(line, '/');
	if (!path || !end || end <= path || (size_t)(end - path) >= sizeof(text))
		return;
	memcpy(text, path, (size_t)(end - path));
	text[end - path] = '\0';
	visit(text, data);
}

/* Its output to a descriptor. 0 or an errno. */
static int spawn_to(int out, char *const arguments[], pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	int result = posix_spawn_file_actions_init(&actions);

	if (result)
		return result;
	result = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!result)
		result = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (!result)
		result = posix_spawn(ret, arguments[0], &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

/* All lines that come, to the end; the descriptor is closed. 0 or -errno. */
static int visit_lines(int fd, void (*visit)(const char *path, void *data), void *data)
{
	FILE *output = fdopen(fd, "r");
	char *line = NULL;
	size_t size = 0;
	int result;

	if (!output) {
		result = -errno;
		close(fd);
		return result;
	}
	errno = 0; /* at the end of the file it stays */
	while (getline(&line, &size, output) > 0) {
		visit_line(line, visit, data);
		errno = 0;
	}
	result = -errno;
	free(line);
	fclose(output);
	return result;
}

static int list_with(const char *loader, const char *program, void (*visit)(const char *path, void *data), void *data)
{
	char *arguments[] = { (char *)loader, "--list", (char *)program, NULL };
	int out[2], result;
	pid_t child;

	if (pipe2(out, O_CLOEXEC))
		return -errno;
	result = spawn_to(out[1], arguments, &child);
	close(out[1]);
	if (result) {
		close(out[0]);
		return -result;
	}
	result = visit_lines(out[0], visit, data);
	waitpid(child, NULL, 0);
	return result;
}

int needed_libraries(const char *program, void (*visit)(const char *path, void *data), void *data)
{
	char path[PATH_MAX], interpreter[PATH_MAX];
	int kind = 2;

	snprintf(path, sizeof(path), "%s", program);
	for (int i = 0; kind == 2; i++) {
		kind = i < MAX_SCRIPTS ? needed_interpreter(path, interpreter) : -ELOOP;
		if (kind == 2)
			memcpy(path, interpreter, sizeof(path));
	}
	if (kind == 1)
		kind = list_with(interpreter, path, visit, data);
	if (!kind)
		visit(path, data);
	return kind;
}
