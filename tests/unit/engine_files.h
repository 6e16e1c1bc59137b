/* SPDX-License-Identifier: GPL-2.0-only */
/* A host's root with the files of container engines. After tests/unit/helpers.h. */
#ifndef MEMGAP_TESTS_UNIT_ENGINE_FILES_H
#define MEMGAP_TESTS_UNIT_ENGINE_FILES_H

#include "user/target/runtime.h"

#define A "aaaa567890abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define AB "aabb567890abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define C "cccc567890abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define D "dddd567890abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define STORAGE_LIB "var/lib/containers/storage/overlay-containers"
#define STORAGE_RUN "run/containers/storage/overlay-containers"
#define TASKS "run/containerd/io.containerd.runtime.v2.task"
#define K3S_TASKS "run/k3s/containerd/io.containerd.runtime.v2.task"
#define E "eeee567890abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define WEB_ENTRY "{\"id\":\"" A "\",\"names\":[\"web\"],\"metadata\":\"{\\\"image-name\\\":\\\"web:1\\\"}\"}"
#define CRIO_BUNDLE "{\"annotations\":{\"io.kubernetes.container.name\":\"redis\",\"io.kubernetes.pod.name\":\"cache-0\"," \
		    "\"io.kubernetes.pod.namespace\":\"shop\"}}"
#define CONTAINERD_BUNDLE "{\"annotations\":{\"io.kubernetes.cri.container-name\":\"nginx\",\"io.kubernetes.cri.sandbox-name\":" \
			  "\"front-0\",\"io.kubernetes.cri.sandbox-namespace\":\"shop\"}}"

static struct tree tree;

static inline int setup(void **state)
{
	(void)state;
	tree = tree_make();
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	tree_remove(&tree);
	return 0;
}

/* A file, and the directories that it needs. */
static inline void put(const char *path, const char *text)
{
	char directory[PATH_MAX];

	for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
		snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
		assert_true(!mkdirat(tree.fd, directory, 0755) || errno == EEXIST);
	}
	if (text)
		tree_write(&tree, path, text);
}

static inline struct runtime_names *read_from(struct runtime_sources sources, char note[RUNTIME_NOTE_MAX])
{
	struct runtime_names *names = NULL;

	assert_int_equal(runtime_names_read(&sources, &names, note), 0);
	assert_non_null(names);
	return names;
}

static inline struct runtime_names *read_tree(char note[RUNTIME_NOTE_MAX])
{
	return read_from((struct runtime_sources){ .root_fd = tree.fd }, note);
}

#endif
