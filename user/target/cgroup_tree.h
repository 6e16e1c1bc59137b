/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cgroups below some cgroups, present and to come: inotify tells of those that are made and removed (kernfs: a mkdir or
 * rmdir of a cgroup is one of a directory), so that nobody has to look for them again and again.
 */
#ifndef MEMGAP_TARGET_CGROUP_TREE_H
#define MEMGAP_TARGET_CGROUP_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "user/target/hierarchy.h"

LIST_HEAD(cgroup_nodes, cgroup_node);

struct cgroup_node {
	char *path;                 /* as in struct cgroup_dir */
	int fd;                     /* the directory */
	uint64_t id;                /* its inode number */
	struct cgroup_node *parent; /* NULL: a root of the tree */
	struct cgroup_nodes below;
	void *data;                 /* the caller's; NULL at first */
	int wd;                     /* of inotify; -1: it is not watched */
	int depth;                  /* below its root */
	bool dirty;                 /* its directory is to be read again */
	bool missing;               /* not found yet, while the one above it is read */
	LIST_ENTRY(cgroup_node) entry;
};

struct cgroup_tree;

/* Called before a node that has vanished is freed, those below it first. */
typedef void (*cgroup_gone)(struct cgroup_node *node, void *data);

/*
 * The hierarchy is the caller's, and stays open. File descriptors from max_fd on are left to others. 0 or -errno.
 * cgroup_tree_close() tells nobody, and allows NULL.
 */
int cgroup_tree_open(const struct hierarchy *hierarchy, int max_fd, cgroup_gone gone, void *data, struct cgroup_tree **ret);
void cgroup_tree_close(struct cgroup_tree *tree);

/* Adds the cgroup with this path and all below it, unless it is there already; NULL with errno. */
struct cgroup_node *cgroup_tree_add(struct cgroup_tree *tree, const char *path);

/* Takes what was made and removed. */
void cgroup_tree_follow(struct cgroup_tree *tree);

/* Every node, a cgroup before those below it. */
void cgroup_tree_each(struct cgroup_tree *tree, void (*visit)(struct cgroup_node *node, void *data), void *data);

/*
 * Why some cgroups are not seen, or seen later, for people; NULL: all are. No file descriptors are left, or inotify has no
 * watches left (then the directories are read again at each cgroup_tree_follow()).
 */
const char *cgroup_tree_trouble(const struct cgroup_tree *tree);

#endif
