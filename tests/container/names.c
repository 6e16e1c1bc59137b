// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the tests on real containers: `names --show ROOT [SOCKET...]` prints what is found of containers, a line each;
 * `names --parse PATH` prints the id of a cgroup's container.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "user/target/runtime.h"

static int show(const char *root, const char *const *sockets, size_t n_sockets)
{
	struct runtime_sources sources = { .root_fd = open(root, O_PATH | O_CLOEXEC), .sockets = sockets, .n_sockets = n_sockets };
	char note[RUNTIME_NOTE_MAX];
	struct runtime_names *names;

	if (runtime_names_read(&sources, &names, note))
		return 1;
	for (size_t i = 0; i < runtime_names_count(names); i++) {
		const struct container_info *info = runtime_names_at(names, i);

		printf("%s\t%s\t%s\t%s\t%s\n", info->id, info->name, info->pod, info->pod_namespace, info->image);
	}
	fprintf(stderr, "%s", note);
	runtime_names_free(names);
	return 0;
}

int main(int argc, char **argv)
{
	struct container_ref ref;

	if (argc > 2 && !strcmp(argv[1], "--show"))
		return show(argv[2], (const char *const *)argv + 3, (size_t)argc - 3);
	if (argc == 3 && !strcmp(argv[1], "--parse"))
		return puts(container_parse(argv[2], &ref) ? ref.id : "") == EOF;
	return 2;
}
