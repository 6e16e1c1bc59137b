// SPDX-License-Identifier: GPL-2.0-only
/*
 * floor LIBRARY PID chosen|entries|first-byte: empty programs on the places where memgap would probe the library, on these
 * but the returns, or on the functions' first bytes, where tools that do not look for a place put theirs. Prints how long it took
 * to attach, in milliseconds, and stays until stdin ends.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <floor.skel.h>

#include "user/allocator/attachment.h"
#include "user/base/fs.h"

static void move_to_first_bytes(struct library *library)
{
	for (size_t i = 0; i < library->n; i++)
		library->functions[i].sites = (struct sites){ 0 };
}

int main(int argc, char **argv)
{
	struct floor_bpf *bpf = floor_bpf__open();
	struct attachment_programs programs;
	struct attachment attachment;
	struct library library;
	uint64_t began_ns;
	int fd, result;

	if (argc != 4 || !bpf)
		return 2;
	programs = (struct attachment_programs){ bpf->progs.empty_enter, bpf->progs.empty_return, bpf->progs.empty_free,
						  bpf->progs.empty_exit };
	uprobes_prefer_multi(bpf->progs.empty_enter);
	uprobes_prefer_multi(bpf->progs.empty_return);
	uprobes_prefer_multi(bpf->progs.empty_free);
	uprobes_prefer_multi(bpf->progs.empty_exit);
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	result = fd < 0 ? -1 : library_read(fd, &library);
	if (!result)
		result = floor_bpf__load(bpf);
	if (!result && !strcmp(argv[3], "first-byte"))
		move_to_first_bytes(&library);
	began_ns = monotonic_ns();
	if (!result)
		result = attachment_make(&attachment, &programs, fd, &library, 0, atoi(argv[2]));
	if (result) {
		fprintf(stderr, "floor: %s: %s\n", argv[1], strerror(-result));
		return 1;
	}
	if (!strcmp(argv[3], "entries"))
		uprobes_detach(&attachment.returns);
	printf("%.3f\n", (double)(monotonic_ns() - began_ns) / 1e6);
	fflush(stdout);
	while (getchar() != EOF)
		;
	attachment_remove(&attachment);
	floor_bpf__destroy(bpf);
	return 0;
}
