// SPDX-License-Identifier: GPL-2.0-only
#include "user/glibc/find.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/memory/lines.h"
#include "user/memory/maps.h"

/* Bytes of a file's writable part that are looked through: a libc's has some 10 KiB, a program's seldom above 1 MiB. */
#define PART_MAX (32ULL << 20)
/* A program that is linked statically may have some parts; more libraries of that name, none is known to have. */
#define CANDIDATES 16
/* An arena is taken for none while one of its lists changes. */
#define TRIES 20

int64_t find_mp(const uint8_t *bytes, size_t n, const struct layout **ret)
{
	for (size_t at = 0; at + MP_BYTES_MAX <= n; at += 8) {
		*ret = layout_of_mp(bytes + at);
		if (*ret)
			return (int64_t)at;
	}
	return -1;
}

int64_t find_arena(const struct layout *layout, uint64_t address, const uint8_t *bytes, size_t n, bool *ret_used)
{
	/* from the end on: what lies before the bins (top and last_remainder) may look like one more of them, what lies after does not */
	for (int64_t at = ((int64_t)n - (int64_t)arena_bytes(layout)) / 8 * 8; at >= 0; at -= 8)
		if (layout_is_arena(layout, address + (uint64_t)at, bytes + at, ret_used))
			return at;
	return -1;
}

/* A writable part of a file, as it is mapped. */
struct part {
	uint64_t start, end, offset;
	bool of_libc;
};

struct parts {
	struct part list[CANDIDATES];
	size_t n;
};

/* "libc.so.6", "libc-2.31.so", also once it was deleted */
static bool is_libc(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && (!strncmp(name, "/libc.so.6", 10) || !strncmp(name, "/libc-2.", 8));
}

static void collect(struct lines *lines, const char *program, struct parts *parts)
{
	struct mapping mapping;
	const char *line;
	int ignored;

	while (parts->n < CANDIDATES && (line = lines_next(lines, &ignored))) {
		if (!mapping_parse(line, &mapping) || !mapping.writable || !mapping.private || !mapping.inode)
			continue;
		if (is_libc(mapping.name) || !strcmp(mapping.name, program))
			parts->list[parts->n++] = (struct part){ mapping.start, mapping.end, mapping.offset,
								  is_libc(mapping.name) };
	}
}

static int list_parts(int dir_fd, struct parts *parts)
{
	char program[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, "exe", program, sizeof(program) - 1);
	int fd = openat(dir_fd, "maps", O_RDONLY | O_CLOEXEC);
	struct lines *lines = malloc(sizeof(*lines));

	parts->n = 0;
	program[n > 0 ? n : 0] = '\0';
	if (fd < 0 || !lines) {
		int result = !lines ? -ENOMEM : errno == ENOENT ? -ESRCH : -errno;

		free(lines);
		if (fd >= 0)
			close(fd);
		return result;
	}
	lines_open(lines, fd);
	collect(lines, program, parts);
	free(lines);
	close(fd);
	return 0;
}

static int open_file(int dir_fd, const struct part *part)
{
	char path[64];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "map_files/%" PRIx64 "-%" PRIx64, part->start, part->end);
	/* looked at first: opening a device could have an effect */
	if (fstatat(dir_fd, path, &st, 0))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

/* What the file has there: what mp_ was before the program ran. */
static ssize_t read_file(int dir_fd, const struct part *part, uint8_t *bytes, size_t size)
{
	int fd = open_file(dir_fd, part);
	ssize_t n, sum = 0;

	if (fd < 0)
		return fd;
	while ((size_t)sum < size && (n = pread(fd, bytes + sum, size - (size_t)sum, (off_t)part->offset + sum)) > 0)
		sum += n;
	close(fd);
	return sum;
}

static ssize_t read_part(const struct image *image, const struct part *part, uint8_t *bytes, size_t size)
{
	size_t sum = 0;

	while (sum < size) {
		ssize_t n = image->read(image->data, part->start + sum, bytes + sum, size - sum);

		if (n < 0)
			return n;
		if (!n)
			break;
		sum += (size_t)n;
	}
	return (ssize_t)sum;
}

static int look_for_arena(const struct image *image, const struct part *part, uint8_t *bytes, size_t size, struct place *place,
			  const char **ret_why)
{
	bool used = false;

	for (int i = 0; i < TRIES; i++) {
		ssize_t n = read_part(image, part, bytes, size);
		int64_t at = n < 0 ? -1 : find_arena(place->layout, part->start, bytes, (size_t)n, &used);

		if (n < 0)
			return (int)n;
		if (at < 0)
			continue;
		place->main_arena = part->start + (uint64_t)at;
		return 0;
	}
	*ret_why = "glibc's malloc is not in use: another allocator is in its place, or nothing was allocated yet";
	return -ENOENT;
}

static int look_at(int dir_fd, const struct image *image, const struct part *part, uint8_t *bytes, size_t size,
		   struct place *place, const char **ret_why)
{
	ssize_t n = read_file(dir_fd, part, bytes, size);
	int64_t at = n < 0 ? -1 : find_mp(bytes, (size_t)n, &place->layout);

	if (n == -EPERM || n == -EACCES) {
		*ret_why = "its files cannot be opened through /proc/PID/map_files: that takes root, or CAP_CHECKPOINT_RESTORE";
		return (int)n;
	}
	if (at < 0) {
		if (part->of_libc)
			*ret_why = "the state of its malloc was not found in its libc";
		return -ENOENT;
	}
	place->mp = part->start + (uint64_t)at;
	return look_for_arena(image, part, bytes, size, place, ret_why);
}

/* -ENOENT: glibc's allocator is not in it. */
static int look_into(int dir_fd, const struct image *image, const struct part *part, struct place *place, const char **ret_why)
{
	size_t size = part->end - part->start < PART_MAX ? part->end - part->start : PART_MAX;
	uint8_t *bytes = malloc(size);
	int result;

	if (!bytes)
		return -ENOMEM;
	result = look_at(dir_fd, image, part, bytes, size, place, ret_why);
	free(bytes);
	return result;
}

int find_place(int dir_fd, const struct image *image, struct place *ret, const char **ret_why)
{
	struct parts parts;
	struct place place;
	int result = list_parts(dir_fd, &parts);

	*ret_why = result ? "its mappings cannot be read" : "it has no glibc";
	if (result)
		return result;
	result = -ENOENT;
	for (size_t i = 0; result == -ENOENT && i < parts.n; i++)
		result = look_into(dir_fd, image, &parts.list[i], &place, ret_why);
	if (!result)
		*ret = place;
	return result;
}
