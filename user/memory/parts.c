// SPDX-License-Identifier: GPL-2.0-only
#include "user/memory/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/memory/lines.h"
#include "user/memory/maps.h"

/* Of one part: a program's variables are seldom above 1 MiB; but some have large tables. */
#define RANGE_MAX (1ULL << 30)
#define RESIDENT_MAX (64ULL << 20)
/* Pages that may be brought back from swap. */
#define SWAPPED_MAX 64
#define PIECE (64U << 10)
#define STATES 1024

static void collect(struct lines *lines, const char *program, bool (*is_wanted)(const char *path), struct parts *parts)
{
	struct part *last = NULL;
	struct mapping mapping;
	const char *line;
	int ignored;

	while ((line = lines_next(lines, &ignored))) {
		bool wanted, variables;

		if (!mapping_parse(line, &mapping))
			continue;
		wanted = mapping.inode && is_wanted(mapping.name);
		parts->has_wanted |= wanted;
		wanted |= mapping.inode && !strcmp(mapping.name, program);
		variables = mapping.writable && mapping.private;
		if (variables && last && last->end == mapping.start && (wanted || !mapping.inode)) {
			last->end = mapping.end;
		} else if (variables && wanted && parts->n < PARTS_MAX) {
			last = &parts->list[parts->n++];
			*last = (struct part){ mapping.start, mapping.end };
		} else {
			last = NULL;
		}
	}
}

int parts_read(int dir_fd, bool (*is_wanted)(const char *path), struct parts *ret)
{
	char program[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, "exe", program, sizeof(program) - 1);
	int fd = openat(dir_fd, "maps", O_RDONLY | O_CLOEXEC);
	int result = fd >= 0 ? 0 : errno == ENOENT ? -ESRCH : -errno;
	struct lines *lines = malloc(sizeof(*lines));

	memset(ret, 0, sizeof(*ret));
	program[n > 0 ? n : 0] = '\0';
	if (!result && !lines)
		result = -ENOMEM;
	if (!result) {
		lines_open(lines, fd);
		collect(lines, program, is_wanted, ret);
	}
	free(lines);
	if (fd >= 0)
		close(fd);
	return result;
}

struct search {
	const struct image *image;
	parts_look look;
	void *data;
	uint8_t *bytes; /* PIECE */
	unsigned int swapped;
	uint64_t resident; /* bytes that were read */
};

/* Some memory that is all there. */
static int search_run(struct search *search, uint64_t start, uint64_t end)
{
	int result = -ENOENT;

	for (uint64_t at = start; at < end && result == -ENOENT && search->resident < RESIDENT_MAX; at += PIECE - PARTS_OVERLAP) {
		size_t size = end - at < PIECE ? end - at : PIECE;
		ssize_t n = search->image->read(search->image->data, at, search->bytes, size);

		if (n < 0)
			return (int)n;
		search->resident += (uint64_t)n;
		result = search->look(search->data, at, search->bytes, (size_t)n);
	}
	return result;
}

static bool is_there(struct search *search, uint8_t state)
{
	return state == PAGE_RESIDENT || (state == PAGE_SWAPPED && search->swapped++ < SWAPPED_MAX);
}

static int search_range(struct search *search, uint64_t start, uint64_t end)
{
	uint64_t page_bytes = search->image->page_bytes, run = 0; /* where what is there begins */
	int result = -ENOENT;

	for (uint64_t at = start; at < end && result == -ENOENT;) {
		uint8_t states[STATES];
		size_t n = (end - at) / page_bytes < STATES ? (end - at) / page_bytes : STATES;
		int failed = search->image->pages(search->image->data, at, n, states);

		if (failed)
			return failed;
		for (size_t i = 0; i < n && result == -ENOENT; i++, at += page_bytes) {
			bool there = is_there(search, states[i]);

			if (there && !run)
				run = at;
			if (run && !there) {
				result = search_run(search, run, at);
				run = 0;
			}
		}
	}
	return result == -ENOENT && run ? search_run(search, run, end) : result;
}

int part_search(const struct image *image, const struct part *part, parts_look look, void *data)
{
	struct search search = { .image = image, .look = look, .data = data, .bytes = malloc(PIECE) };
	uint64_t end = part->end - part->start > RANGE_MAX ? part->start + RANGE_MAX : part->end;
	int result;

	if (!search.bytes)
		return -ENOMEM;
	result = search_range(&search, page_down(image, part->start), page_down(image, end));
	free(search.bytes);
	return result;
}

int parts_search(const struct image *image, const struct parts *parts, parts_look look, void *data)
{
	int result = -ENOENT;

	for (size_t i = 0; i < parts->n && result == -ENOENT; i++)
		result = part_search(image, &parts->list[i], look, data);
	return result;
}
