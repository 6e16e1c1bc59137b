// SPDX-License-Identifier: GPL-2.0-only
#include "user/musl/find.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/memory/lines.h"
#include "user/memory/maps.h"
#include "user/memory/word.h"

/* A program that is linked statically may have some parts; more libraries of that name, none is known to have. */
#define CANDIDATES 16
/* Of one part: a program's variables are seldom above 1 MiB; but some have large tables. */
#define RANGE_MAX (1ULL << 30)
#define RESIDENT_MAX (64ULL << 20)
/* Pages that may be brought back from swap. */
#define SWAPPED_MAX 64
#define PIECE (64U << 10)
/* The next piece begins with what could be a context's start in this one. */
#define OVERLAP 4096
#define STATES 1024
/* It is taken for none while it changes. */
#define TRIES 20

/* A writable part of a file as it is mapped, and what follows without a file: its variables that begin as zeros. */
struct part {
	uint64_t start, end;
};

struct parts {
	struct part list[CANDIDATES];
	size_t n;
	bool has_libc;
};

/* "ld-musl-x86_64.so.1", or "libc.so", which Debian's links to; also once it was deleted */
static bool is_libc(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && (!strncmp(name, "/ld-musl-", 9) || !strcmp(name, "/libc.so") || !strcmp(name, "/libc.so (deleted)"));
}

static void collect(struct lines *lines, const char *program, struct parts *parts)
{
	struct part *last = NULL;
	struct mapping mapping;
	const char *line;
	int ignored;

	while ((line = lines_next(lines, &ignored))) {
		bool wanted;

		if (!mapping_parse(line, &mapping))
			continue;
		wanted = mapping.writable && mapping.private && mapping.inode &&
			 (is_libc(mapping.name) || !strcmp(mapping.name, program));
		if (last && last->end == mapping.start && mapping.writable && mapping.private && (wanted || !mapping.inode)) {
			last->end = mapping.end;
		} else if (wanted && parts->n < CANDIDATES) {
			last = &parts->list[parts->n++];
			*last = (struct part){ mapping.start, mapping.end };
		} else {
			last = NULL;
		}
		parts->has_libc |= is_libc(mapping.name);
	}
}

static int list_parts(int dir_fd, struct parts *parts)
{
	char program[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, "exe", program, sizeof(program) - 1);
	int fd = openat(dir_fd, "maps", O_RDONLY | O_CLOEXEC);
	struct lines *lines = malloc(sizeof(*lines));
	int result = fd >= 0 ? 0 : errno == ENOENT ? -ESRCH : -errno;

	memset(parts, 0, sizeof(*parts));
	program[n > 0 ? n : 0] = '\0';
	if (!result && !lines)
		result = -ENOMEM;
	if (!result) {
		lines_open(lines, fd);
		collect(lines, program, parts);
	}
	free(lines);
	if (fd >= 0)
		close(fd);
	return result;
}

/* One that its pages of meta data confirm. 0, -ENOENT, -ESRCH. */
static int find_in_bytes(const struct image *image, uint64_t address, const uint8_t *bytes, size_t n, struct context *ret)
{
	for (size_t at = 0; at + CONTEXT_BYTES_MAX <= n; at += 8) {
		for (int has_page_size = 0; has_page_size < 2; has_page_size++) {
			struct context context;
			int result;

			if (!context_parse(bytes + at, has_page_size, &context))
				continue;
			context.address = address + at;
			result = context_read(image, &context);
			if (!result)
				*ret = context;
			if (!result || result == -ESRCH)
				return result;
		}
	}
	return -ENOENT;
}

struct search {
	const struct image *image;
	uint8_t *bytes; /* PIECE */
	unsigned int swapped;
	uint64_t resident; /* bytes that were read */
	struct context *context;
};

/* Some memory that is all there. */
static int search_run(struct search *search, uint64_t start, uint64_t end)
{
	int result = -ENOENT;

	for (uint64_t at = start; at < end && result == -ENOENT && search->resident < RESIDENT_MAX; at += PIECE - OVERLAP) {
		size_t size = end - at < PIECE ? end - at : PIECE;
		ssize_t n = search->image->read(search->image->data, at, search->bytes, size);

		if (n < 0)
			return (int)n;
		search->resident += (uint64_t)n;
		result = find_in_bytes(search->image, at, search->bytes, (size_t)n, search->context);
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

int find_in_range(const struct image *image, uint64_t start, uint64_t end, struct context *ret)
{
	struct search search = { .image = image, .bytes = malloc(PIECE), .context = ret };
	int result;

	if (!search.bytes)
		return -ENOMEM;
	if (end - start > RANGE_MAX)
		end = start + RANGE_MAX;
	result = search_range(&search, page_down(image, start), page_down(image, end));
	free(search.bytes);
	return result;
}

int find_context(int dir_fd, const struct image *image, struct context *ret, const char **ret_why)
{
	struct parts parts;
	int result = list_parts(dir_fd, &parts);

	*ret_why = "its mappings cannot be read";
	if (result)
		return result;
	result = -ENOENT;
	for (unsigned int tries = 0; tries < TRIES && result == -ENOENT; tries++) {
		image_pause(image, tries);
		for (size_t i = 0; i < parts.n && result == -ENOENT; i++)
			result = find_in_range(image, parts.list[i].start, parts.list[i].end, ret);
		if (!parts.has_libc && tries == 2) /* what is linked statically seldom is musl */
			break;
	}
	if (result == -ENOENT)
		*ret_why = parts.has_libc ? "the state of its malloc was not found in its musl" :
					    "it has no musl, or has allocated nothing yet";
	return result;
}
