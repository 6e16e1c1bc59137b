// SPDX-License-Identifier: GPL-2.0-only
#include "user/target/cgroup_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* Deeper nesting is not looked into: the same bound as in bpf/process.bpf.c. */
#define MAX_CGROUP_DEPTH 32

struct cgroup_tree {
	const struct hierarchy *hierarchy;
	cgroup_gone gone;
	void *data;
	int inotify_fd, max_fd;
	struct cgroup_nodes roots;
	void *by_wd, *by_id; /* tsearch(3) */
	bool blind;          /* inotify has not room for all */
	bool full;           /* no file descriptors for all */
	bool starved;        /* no memory for all */
};

static int compare_wd(const void *a, const void *b)
{
	const struct cgroup_node *x = a, *y = b;

	return (x->wd > y->wd) - (x->wd < y->wd);
}

static int compare_id(const void *a, const void *b)
{
	const struct cgroup_node *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static struct cgroup_node *find(const struct cgroup_node *key, void *const *root, int (*compare)(const void *, const void *))
{
	struct cgroup_node **found = tfind(key, root, compare);

	return found ? *found : NULL;
}

static void watch_node(struct cgroup_tree *tree, struct cgroup_node *node)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", node->fd);
	node->wd = inotify_add_watch(tree->inotify_fd, path, IN_CREATE | IN_DELETE | IN_MOVE | IN_ONLYDIR);
	if (node->wd < 0 || !tsearch(node, &tree->by_wd, compare_wd))
		tree->blind = true;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as directories are, MAX_CGROUP_DEPTH at most */
static void free_node(struct cgroup_tree *tree, struct cgroup_node *node, bool tell)
{
	while (!LIST_EMPTY(&node->below))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): that LIST_REMOVE() changes what LIST_FIRST() finds is not seen */
		free_node(tree, LIST_FIRST(&node->below), tell);
	if (tell)
		tree->gone(node, tree->data);
	LIST_REMOVE(node, entry);
	tdelete(node, &tree->by_id, compare_id);
	if (node->wd >= 0) {
		tdelete(node, &tree->by_wd, compare_wd);
		inotify_rm_watch(tree->inotify_fd, node->wd); /* fails for a directory that is gone */
	}
	close(node->fd);
	free(node->path);
	free(node);
}

/* Whether errno says that there may be room the next time. */
static bool is_out_of_room(struct cgroup_tree *tree)
{
	bool of_fds = errno == EMFILE || errno == ENFILE, of_memory = errno == ENOMEM;

	tree->full |= of_fds;
	tree->starved |= of_memory;
	return of_fds || of_memory;
}

static int fill_node(struct cgroup_tree *tree, struct cgroup_node *node, const char *path)
{
	struct stat st;

	node->fd = openat(tree->hierarchy->fd, path[1] ? path + 1 : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (node->fd >= tree->max_fd)
		errno = EMFILE;
	if (node->fd < 0 || node->fd >= tree->max_fd || fstat(node->fd, &st))
		return -errno;
	node->id = st.st_ino;
	node->path = strdup(path);
	return node->path && tsearch(node, &tree->by_id, compare_id) ? 0 : -ENOMEM;
}

/* NULL with errno. Its directory is still to be read. */
static struct cgroup_node *add_node(struct cgroup_tree *tree, struct cgroup_node *parent, const char *path)
{
	struct cgroup_node *node = calloc(1, sizeof(*node));
	int result = node ? fill_node(tree, node, path) : -ENOMEM;

	if (result) {
		if (node && node->fd >= 0)
			close(node->fd);
		free(node ? node->path : NULL);
		free(node);
		errno = -result;
		return NULL;
	}
	node->parent = parent;
	node->depth = parent ? parent->depth + 1 : 0;
	node->dirty = true;
	LIST_INSERT_HEAD(parent ? &parent->below : &tree->roots, node, entry);
	watch_node(tree, node);
	return node;
}

static void take_entry(struct cgroup_tree *tree, struct cgroup_node *node, const struct dirent *entry)
{
	struct cgroup_node key = { .id = entry->d_ino }, *child = find(&key, &tree->by_id, compare_id);
	char path[CGROUP_PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", node->path[1] ? node->path : "", entry->d_name) >= (int)sizeof(path))
		return;
	/* an old cgroup of v1 may have been given another name */
	if (child && strcmp(child->path, path)) {
		free_node(tree, child, true);
		child = NULL;
	}
	errno = 0;
	if (!child)
		child = add_node(tree, node, path);
	if (child)
		child->missing = false;
	else if (is_out_of_room(tree))
		node->dirty = true;
}

/* What is not found again is gone. */
static void read_directory(struct cgroup_tree *tree, struct cgroup_node *node)
{
	int fd = openat(node->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct cgroup_node *child, *next;
	struct dirent *entry;

	node->dirty = false;
	if (!dir) {
		node->dirty = is_out_of_room(tree);
		if (fd >= 0)
			close(fd);
		return;
	}
	LIST_FOREACH(child, &node->below, entry)
		child->missing = true;
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			take_entry(tree, node, entry);
	closedir(dir);
	for (child = LIST_FIRST(&node->below); child; child = next) {
		next = LIST_NEXT(child, entry);
		if (child->missing)
			free_node(tree, child, true);
	}
}

/* A directory is watched before it is read: what is made meanwhile is found twice rather than never. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as directories are, MAX_CGROUP_DEPTH at most */
static void read_dirty(struct cgroup_tree *tree, struct cgroup_nodes *nodes, bool all)
{
	struct cgroup_node *node;

	/* NOLINTBEGIN(clang-analyzer-unix.Malloc): that LIST_REMOVE() changes what the list has is not seen */
	LIST_FOREACH(node, nodes, entry) {
		if ((node->dirty || all) && node->depth < MAX_CGROUP_DEPTH)
			read_directory(tree, node);
		read_dirty(tree, &node->below, all);
	}
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
}

int cgroup_tree_open(const struct hierarchy *hierarchy, int max_fd, cgroup_gone gone, void *data, struct cgroup_tree **ret)
{
	struct cgroup_tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return -ENOMEM;
	*tree = (struct cgroup_tree){ .hierarchy = hierarchy, .max_fd = max_fd, .gone = gone, .data = data };
	LIST_INIT(&tree->roots);
	tree->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (tree->inotify_fd < 0) {
		int result = -errno;

		free(tree);
		return result;
	}
	*ret = tree;
	return 0;
}

void cgroup_tree_close(struct cgroup_tree *tree)
{
	if (!tree)
		return;
	while (!LIST_EMPTY(&tree->roots))
		free_node(tree, LIST_FIRST(&tree->roots), false);
	close(tree->inotify_fd);
	free(tree);
}

static struct cgroup_node *node_with_path(struct cgroup_tree *tree, const char *path)
{
	int fd = openat(tree->hierarchy->fd, path[1] ? path + 1 : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct cgroup_node key;
	struct stat st;
	bool known = fd >= 0 && !fstat(fd, &st);

	if (fd >= 0)
		close(fd);
	key.id = known ? st.st_ino : 0;
	return known ? find(&key, &tree->by_id, compare_id) : NULL;
}

struct cgroup_node *cgroup_tree_add(struct cgroup_tree *tree, const char *path)
{
	struct cgroup_node *node = node_with_path(tree, path);

	if (node)
		return node;
	node = add_node(tree, NULL, path);
	if (node)
		read_dirty(tree, &tree->roots, false);
	return node;
}

/* Marks the directories that events are about. */
static void take_events(struct cgroup_tree *tree, const char *events, ssize_t size)
{
	const struct inotify_event *event;

	for (ssize_t at = 0; at < size; at += (ssize_t)(sizeof(*event) + event->len)) {
		struct cgroup_node key, *node;

		event = (const void *)(events + at);
		if (event->mask & IN_Q_OVERFLOW)
			read_dirty(tree, &tree->roots, true);
		key.wd = event->wd;
		node = event->wd >= 0 ? find(&key, &tree->by_wd, compare_wd) : NULL;
		if (node && !(event->mask & IN_IGNORED))
			node->dirty = true;
	}
}

void cgroup_tree_follow(struct cgroup_tree *tree)
{
	char events[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t size;

	tree->full = tree->starved = false;
	while ((size = read(tree->inotify_fd, events, sizeof(events))) > 0)
		take_events(tree, events, size);
	read_dirty(tree, &tree->roots, tree->blind);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as directories are, MAX_CGROUP_DEPTH at most */
static void visit_nodes(struct cgroup_nodes *nodes, void (*visit)(struct cgroup_node *node, void *data), void *data)
{
	struct cgroup_node *node;

	LIST_FOREACH(node, nodes, entry) {
		visit(node, data);
		visit_nodes(&node->below, visit, data);
	}
}

void cgroup_tree_each(struct cgroup_tree *tree, void (*visit)(struct cgroup_node *node, void *data), void *data)
{
	visit_nodes(&tree->roots, visit, data);
}

const char *cgroup_tree_trouble(const struct cgroup_tree *tree)
{
	if (tree->full)
		return "there are more cgroups than file descriptors: some are left out (raise `ulimit -n`)";
	if (tree->starved)
		return "out of memory: some cgroups are left out";
	if (tree->blind)
		return "inotify has no room for all cgroups: their directories are read at each interval "
		       "(raise fs.inotify.max_user_watches)";
	return NULL;
}
