/* SPDX-License-Identifier: GPL-2.0-only */
/* From what a user calls a container (-n) to its cgroup. */
#ifndef MEMGAP_CMD_CONTAINERS_H
#define MEMGAP_CMD_CONTAINERS_H

#include "user/base/error.h"
#include "user/cmd/target_options.h"
#include "user/target/hierarchy.h"
#include "user/target/runtime.h"

typedef int (*container_visit)(const char *path, void *data, struct error *err);

/*
 * Calls visit with the path of the memory cgroup of each container that the options name: a running one with that name, or whose
 * id begins so. Returns what visit returned if not 0; fails with EXIT_TARGET where there is none, or more than one: they are
 * listed then. *ret_names is what the engines say, to be freed also on failure; NULL when they were not asked, as no container is
 * named.
 */
int containers_each(const struct hierarchy *hierarchy, int proc_fd, const struct target_options *options, container_visit visit,
		    void *data, struct runtime_names **ret_names, struct error *err);

#endif
