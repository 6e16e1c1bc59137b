// SPDX-License-Identifier: GPL-2.0-only
/*
 * reader PID: for each line on stdin, "read" or "other", what memgap reads of the process's heap, or of its other memory: a
 * JSON object a line.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/heap/heap.h"
#include "user/heap/other.h"

static const struct heap_budget budget = { .most_ns = 10000000000 };

static void print_figure(const char *name, int64_t value)
{
	if (is_known(value))
		printf("\"%s\":%" PRId64 ",", name, value);
	else
		printf("\"%s\":null,", name);
}

static void read_once(struct heap *heap)
{
	uint64_t start = monotonic_ns();
	struct heap_view view;
	int result = heap_read(heap, &budget, &view);

	double ms = (double)(monotonic_ns() - start) / 1e6;

	printf("{\"result\":%d,\"why\":\"%s\",\"ms\":%.3f,", result, result ? heap_why(result) : "", ms);
	if (!result) {
		print_figure("alloc", view.alloc);
		print_figure("sys", view.sys);
		print_figure("mmapped", view.mmapped);
		print_figure("unused", view.unused);
		print_figure("resident", view.resident);
		print_figure("resident_free", view.resident_free);
		print_figure("trimmable", view.trimmable);
		print_figure("pinned", view.pinned);
		print_figure("swapped", view.swapped);
	}
	printf("\"arenas\":%u}\n", result ? 0 : view.arenas);
}

static void read_other(int proc_fd, pid_t pid, const struct heap *heap)
{
	struct other_view view;
	int result = other_read(proc_fd, pid, heap, &view);

	printf("{\"result\":%d,", result);
	if (!result) {
		print_figure("resident", view.resident);
		print_figure("file", view.file);
		print_figure("largest", view.largest.resident);
		printf("\"count\":%" PRIu64 ",\"size\":%" PRIu64 ",", view.largest.count, view.largest.size);
	}
	printf("\"name\":\"%s\"}\n", result ? "" : view.largest.name);
}

int main(int argc, char **argv)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;
	struct heap *heap = NULL;
	const char *why;
	char line[16];

	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	result = heap_open(proc_fd, atoi(argv[1]), &heap, &why);
	printf("{\"result\":%d,\"why\":\"%s\",\"name\":\"%s\"}\n", result, why, heap ? heap_name(heap) : "");
	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "read\n") && heap)
			read_once(heap);
		else
			read_other(proc_fd, atoi(argv[1]), heap);
	}
	heap_close(heap);
	return 0;
}
