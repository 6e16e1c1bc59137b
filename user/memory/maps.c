// SPDX-License-Identifier: GPL-2.0-only
#include "user/memory/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/memory/lines.h"

/* A number and the character behind it, which is skipped. */
static bool take(const char **at, int base, char end, uint64_t *ret)
{
	char *after;

	if ((**at < '0' || **at > '9') && (**at < 'a' || **at > 'f')) /* strtoull() would take blanks and signs */
		return false;
	errno = 0;
	*ret = strtoull(*at, &after, base);
	if (errno || after == *at || *after != end)
		return false;
	*at = after + 1;
	return true;
}

static bool take_device(const char **at)
{
	uint64_t ignored;

	return take(at, 16, ':', &ignored) && take(at, 16, ' ', &ignored);
}

/* "start-end perms offset major:minor inode     path" */
bool mapping_parse(const char *line, struct mapping *ret)
{
	struct mapping mapping;
	const char *at = line;
	char *after;

	if (!take(&at, 16, '-', &mapping.start) || !take(&at, 16, ' ', &mapping.end) || mapping.start >= mapping.end)
		return false;
	if (strnlen(at, 5) < 5 || at[4] != ' ')
		return false;
	mapping.writable = at[1] == 'w';
	mapping.executable = at[2] == 'x';
	mapping.private = at[3] == 'p';
	at += 5;
	if (!take(&at, 16, ' ', &mapping.offset) || !take_device(&at) || *at < '0' || *at > '9')
		return false;
	mapping.inode = strtoull(at, &after, 10);
	mapping.name = after + strspn(after, " ");
	*ret = mapping;
	return true;
}

/* A name that a program gave is that of memory without a file all the same: PR_SET_VMA_ANON_NAME, "[anon:NAME]". */
static bool is_candidate(const struct mapping *mapping)
{
	return mapping->private && mapping->writable && !mapping->inode &&
	       (!*mapping->name || !strncmp(mapping->name, "[anon:", 6));
}

static int add(struct anonymous *maps, const struct mapping *mapping)
{
	if (maps->n == maps->room) {
		size_t room = maps->room ? 2 * maps->room : 64;
		struct range *list = realloc(maps->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		maps->list = list;
		maps->room = room;
	}
	maps->list[maps->n++] = (struct range){ mapping->start, mapping->end };
	return 0;
}

static int read_lines(struct lines *lines, struct anonymous *maps)
{
	struct mapping mapping;
	const char *line;
	int result;

	while ((line = lines_next(lines, &result))) {
		if (!mapping_parse(line, &mapping))
			continue;
		if (!strcmp(mapping.name, "[heap]"))
			maps->brk_end = mapping.end;
		if (is_candidate(&mapping))
			result = add(maps, &mapping);
		if (result)
			return result;
	}
	return result;
}

int anonymous_read(int dir_fd, struct anonymous *maps)
{
	int fd = openat(dir_fd, "maps", O_RDONLY | O_CLOEXEC), result;
	struct lines *lines;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	maps->n = 0;
	maps->brk_end = 0;
	lines = malloc(sizeof(*lines));
	if (lines) {
		lines_open(lines, fd);
		result = read_lines(lines, maps);
	} else {
		result = -ENOMEM;
	}
	free(lines);
	close(fd);
	return result;
}

void anonymous_free(struct anonymous *maps)
{
	free(maps->list);
	*maps = (struct anonymous){ 0 };
}
