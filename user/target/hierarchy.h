/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cgroup hierarchy that memory is accounted in: v2, or the v1 memory controller's where the host is v1
 * or hybrid (cgroups(7)). Paths are relative to its mount, with a leading slash, as /proc/PID/cgroup
 * has them; "/" is the mount itself.
 */
#ifndef MEMGAP_TARGET_HIERARCHY_H
#define MEMGAP_TARGET_HIERARCHY_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/base/error.h"

#define CGROUP_PATH_MAX 1024

struct hierarchy {
	int version; /* 1 or 2 */
	bool hybrid; /* version 1 for memory, and there is a v2 hierarchy as well */
	bool partial; /* only a part of the host's cgroups can be seen there */
	int fd;      /* its mount point, or -1 */
	int missing; /* then: why, a negative errno; -ENODEV when none is mounted */
	int v2_fd;   /* hybrid: the mount point of the other, which has the pressure; else -1 */
	char mount[PATH_MAX];
};

/*
 * The mount point of the memory hierarchy in the text of /proc/PID/mountinfo, into ret_mount (PATH_MAX), and
 * its version; -ENOENT when there is none. A v1 memory controller wins over v2: on a hybrid host v2
 * does not have the controller.
 */
int hierarchy_parse_mountinfo(const char *text, int *ret_version, char *ret_mount);
/*
 * Whether a mount point shows only a part of the hierarchy: a container with a cgroup namespace of its own sees but its own
 * cgroup and those below (cgroup_namespaces(7)), unless the host's mount was bound into it, whose root then is above: "/..";
 * and without a namespace only a part may be mounted.
 */
bool hierarchy_parse_is_partial(const char *text, const char *mount, bool own_namespace);
/* Whether a v2 hierarchy is mounted, whatever it is used for; where, into ret_mount (PATH_MAX) unless that is NULL. */
bool hierarchy_parse_has_v2(const char *text, char *ret_mount);
/* Never fails: without a mount, fd is -1. hierarchy_close() releases it. */
void hierarchy_open(int proc_fd, struct hierarchy *ret);
void hierarchy_close(struct hierarchy *hierarchy);

/* A process's path in it, from the text of /proc/PID/cgroup; -ENOENT when there is none. */
int hierarchy_parse_path(const char *text, int version, char ret_path[CGROUP_PATH_MAX]);
int hierarchy_path_of(const struct hierarchy *hierarchy, int proc_fd, pid_t pid, char ret_path[CGROUP_PATH_MAX]);

/* For who needs one: EXIT_HOST and why, when there is none; EXIT_FAILED without memory. */
int hierarchy_require(const struct hierarchy *hierarchy, struct error *err);

/* Opens the directory with this path, to look below it; -1 when there is none. */
int hierarchy_open_path(const struct hierarchy *hierarchy, const char *path);

/*
 * Opens the directory of the cgroup that a process is in now (it may move), and writes its path (CGROUP_PATH_MAX) unless
 * ret_path is NULL. -1 when there is none, or when its path is another cgroup namespace's; then too *ret_path is written,
 * "" if it is not known.
 */
int hierarchy_open_home(const struct hierarchy *hierarchy, int proc_fd, pid_t pid, char *ret_path);

/* A cgroup directory. */
struct cgroup_dir {
	char path[CGROUP_PATH_MAX];
	int fd;
	uint64_t id; /* its kernfs id, which BPF sees as cgroup->kn->id: the directory's inode number */
};

/*
 * Opens the directory that the user named: a directory of the mount, absolute ("/sys/fs/cgroup/…"), or a path
 * relative to it, with or without a leading slash. Fails with EXIT_TARGET.
 */
int cgroup_dir_open(const struct hierarchy *hierarchy, const char *name, struct cgroup_dir *ret, struct error *err);
void cgroup_dir_close(struct cgroup_dir *dir);

/*
 * Calls visit for each pid in the cgroup itself: 0 for a process that our pid namespace does not have. Returns as
 * cgroup_dir_each_pid() does.
 */
int cgroup_each_own_pid(int dir_fd, int (*visit)(pid_t pid, void *data), void *data);

/*
 * Calls visit for each pid in the cgroup and those below it, of those that our pid namespace has. Cgroups and processes that vanish meanwhile are
 * no error. Returns 0, -ENODEV when the cgroup itself is gone, or what visit returned if not 0.
 */
int cgroup_dir_each_pid(const struct cgroup_dir *dir, int (*visit)(pid_t pid, void *data), void *data);

#endif
