// SPDX-License-Identifier: GPL-2.0-only
/*
 * reader PID: for each line on stdin, "read", or a number: so many readings in a row; what memgap reads of the process's Go
 * heap: a JSON object a line.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/go/go.h"

#define PAUSE_US 200 /* between readings in a row */

static void print_figure(const char *name, int64_t value)
{
	if (is_known(value))
		printf(",\"%s\":%" PRId64, name, value);
	else
		printf(",\"%s\":null", name);
}

static void read_once(struct go *go)
{
	struct go_view view;
	int result = go_read(go, &view);

	printf("{\"result\":%d,\"why\":\"%s\"", result, result ? go_why(result) : "");
	if (!result) {
		print_figure("alloc", view.alloc);
		print_figure("total_alloc", view.total_alloc);
		print_figure("sys", view.sys);
		print_figure("heap_in_use", view.heap_in_use);
		print_figure("heap_idle_kept", view.heap_idle_kept);
		print_figure("heap_released", view.heap_released);
		print_figure("num_gc", view.num_gc);
		print_figure("pause_total_ns", view.pause_total_ns);
		print_figure("gc_percent", view.gc_percent);
		print_figure("memory_limit", view.memory_limit);
	}
	printf("}\n");
}

/* Whether what only grows never shrank; how long a reading took. */
static void read_many(struct go *go, int n)
{
	struct go_view view = { 0 }, before = { 0 }, first = { 0 };
	int failed = 0, shrank = 0, odd = 0;
	uint64_t sum = 0, worst = 0;

	for (int i = 0; i < n; i++) {
		uint64_t start = monotonic_ns(), time;

		failed += go_read(go, &view) != 0;
		time = monotonic_ns() - start;
		sum += time;
		worst = time > worst ? time : worst;
		if (!i)
			first = view;
		shrank += view.total_alloc < before.total_alloc || view.num_gc < before.num_gc ||
			  view.pause_total_ns < before.pause_total_ns;
		odd += view.alloc > view.total_alloc || view.heap_in_use + view.heap_idle_kept + view.heap_released > view.sys;
		before = view;
		usleep(PAUSE_US);
	}
	printf("{\"failed\":%d,\"shrank\":%d,\"odd\":%d,\"ns\":%" PRIu64 ",\"worst_ns\":%" PRIu64 ",\"allocated\":%" PRId64
	       ",\"collections\":%" PRId64 "}\n", failed, shrank, odd, n > 0 ? sum / (uint64_t)n : 0, worst,
	       view.total_alloc - first.total_alloc, view.num_gc - first.num_gc);
}

int main(int argc, char **argv)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result, is;
	uint64_t start;
	struct go *go = NULL;
	const char *why;
	char line[16];

	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	is = go_is(proc_fd, atoi(argv[1]));
	start = monotonic_ns();
	result = go_open(proc_fd, atoi(argv[1]), &go, &why);
	printf("{\"is\":%d,\"result\":%d,\"why\":\"%s\",\"ms\":%.3f,\"version\":\"%s\",\"has_c\":%s}\n", is, result, why,
	       (double)(monotonic_ns() - start) / 1e6, go ? go_version(go) : "", go && go_has_c(go) ? "true" : "false");
	while (go && fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "read\n"))
			read_once(go);
		else
			read_many(go, atoi(line));
	}
	go_close(go);
	return 0;
}
