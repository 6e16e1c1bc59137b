// SPDX-License-Identifier: GPL-2.0-only
#include "user/heap/other.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/memory/lines.h"
#include "user/memory/maps.h"
#include "user/memory/remote.h"

void other_begin(struct other_parser *parser, other_owned owned, const void *data)
{
	*parser = (struct other_parser){ .owned = owned, .data = data };
}

void other_free(struct other_parser *parser)
{
	free(parser->list);
	*parser = (struct other_parser){ 0 };
}

static int add(struct other_parser *parser, const struct other_mapping *mapping)
{
	if (parser->n == parser->room) {
		size_t room = parser->room ? 2 * parser->room : 64;
		struct other_mapping *list = realloc(parser->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		parser->list = list;
		parser->room = room;
	}
	parser->list[parser->n++] = *mapping;
	return 0;
}

/* The mapping's lines are over: what of it is not the heap's. */
static int close_mapping(struct other_parser *parser)
{
	struct other_mapping *mapping = &parser->mapping;
	struct heap_part_of owned = { 0 };

	if (!parser->end || mapping->resident <= 0)
		return 0;
	if (parser->owned && mapping->kind != OTHER_FILE)
		owned = parser->owned(parser->data, parser->start, parser->end);
	if (owned.bytes >= parser->end - parser->start || owned.resident >= (uint64_t)mapping->resident)
		return 0;
	mapping->size = parser->end - parser->start - owned.bytes;
	mapping->resident -= (int64_t)owned.resident;
	return add(parser, mapping);
}

static void open_mapping(struct other_parser *parser, const struct mapping *mapping)
{
	parser->start = mapping->start;
	parser->end = strcmp(mapping->name, "[heap]") ? mapping->end : 0;
	parser->mapping = (struct other_mapping){ .kind = OTHER_SIZE };
	if (mapping->inode)
		parser->mapping.kind = OTHER_FILE;
	else if (*mapping->name)
		parser->mapping.kind = OTHER_NAME;
	if (parser->mapping.kind == OTHER_NAME)
		snprintf(parser->mapping.name, OTHER_NAME_MAX, "%.*s", OTHER_NAME_MAX - 1, mapping->name);
}

int other_line(struct other_parser *parser, const char *line)
{
	static const char anonymous[] = "Anonymous:";
	struct mapping mapping;
	int64_t kib;
	int result;

	if (!strncmp(line, anonymous, sizeof(anonymous) - 1)) {
		if (sscanf(line + sizeof(anonymous) - 1, "%ld", &kib) == 1 && kib >= 0 && kib <= INT64_MAX / 1024)
			parser->mapping.resident = kib * 1024;
		return 0;
	}
	if (!mapping_parse(line, &mapping))
		return 0;
	result = close_mapping(parser);
	open_mapping(parser, &mapping);
	return result;
}

/* Which belong together come together. */
static int compare(const void *a, const void *b)
{
	const struct other_mapping *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->kind == OTHER_SIZE)
		return (x->size > y->size) - (x->size < y->size);
	return x->kind == OTHER_NAME ? strcmp(x->name, y->name) : 0;
}

/* A sum that has no room is the largest that has: no kernel says so. */
static int64_t add_up(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void add_to_group(struct other_group *group, const struct other_mapping *mapping)
{
	group->kind = mapping->kind;
	group->resident = add_up(group->resident, mapping->resident);
	group->count++;
	group->size = mapping->kind == OTHER_SIZE ? mapping->size : group->size + mapping->size;
	memcpy(group->name, mapping->name, sizeof(group->name));
}

int other_end(struct other_parser *parser, struct other_view *ret)
{
	struct other_group group = { 0 };
	struct other_view view = { 0 };
	int result = close_mapping(parser);

	if (!result && parser->n)
		qsort(parser->list, parser->n, sizeof(*parser->list), compare);
	for (size_t i = 0; !result && i < parser->n; i++) {
		const struct other_mapping *mapping = &parser->list[i];

		if (i && compare(mapping - 1, mapping))
			group = (struct other_group){ 0 };
		add_to_group(&group, mapping);
		view.resident = add_up(view.resident, mapping->resident);
		view.file = add_up(view.file, mapping->kind == OTHER_FILE ? mapping->resident : 0);
		if (group.resident > view.largest.resident)
			view.largest = group;
	}
	other_free(parser);
	if (!result)
		*ret = view;
	return result;
}

static struct heap_part_of owned_by_heap(const void *data, uint64_t start, uint64_t end)
{
	return heap_owned(data, start, end);
}

static int parse(struct lines *lines, const struct heap *heap, struct other_view *ret)
{
	struct other_parser parser;
	const char *line;
	int result = 0, failed = 0;

	other_begin(&parser, owned_by_heap, heap);
	while (!failed && (line = lines_next(lines, &result)))
		failed = other_line(&parser, line);
	if (failed || result) {
		other_free(&parser);
		return failed ? failed : result;
	}
	return other_end(&parser, ret);
}

int other_read(int proc_fd, pid_t pid, const struct heap *heap, struct other_view *ret)
{
	struct lines *lines;
	pid_t tid;
	int dir_fd = process_open(proc_fd, pid, &tid), fd, result;

	if (dir_fd < 0)
		return dir_fd;
	fd = openat(dir_fd, "smaps", O_RDONLY | O_CLOEXEC);
	result = fd < 0 ? (errno == ENOENT ? -ESRCH : -errno) : 0;
	close(dir_fd);
	if (result)
		return result;
	lines = malloc(sizeof(*lines));
	if (lines) {
		lines_open(lines, fd);
		result = parse(lines, heap, ret);
	} else {
		result = -ENOMEM;
	}
	free(lines);
	close(fd);
	return result;
}
