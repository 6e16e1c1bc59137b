/* SPDX-License-Identifier: GPL-2.0-only */
/* From what a user calls a container (-n) to its cgroup. */
#ifndef MEMGAP_CMD_CONTAINERS_H
#define MEMGAP_CMD_CONTAINERS_H

#include "user/base/error.h"
#include "user/target/hierarchy.h"
#include "user/target/runtime.h"

/*
 * The path of the memory cgroup of the running container with that name, or whose id begins so. names: what the engines say,
 * or NULL; note: what went wrong when they were asked. Fails with EXIT_TARGET when there is none, or more than one: they are
 * listed then.
 */
int container_find(const struct hierarchy *hierarchy, const struct runtime_names *names, const char *note, const char *wanted,
		   char ret_path[CGROUP_PATH_MAX], struct error *err);

#endif
