/* SPDX-License-Identifier: GPL-2.0-only */
/* The targets on a command line, as each subcommand that has targets takes them. */
#ifndef MEMGAP_CMD_TARGET_OPTIONS_H
#define MEMGAP_CMD_TARGET_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "user/base/error.h"
#include "user/target/hierarchy.h"

struct target_options {
	pid_t *pids;
	size_t n_pids;
	const char **cgroups; /* as the user wrote them: argv's */
	size_t n_cgroups;
	const char **containers; /* names, or beginnings of ids */
	size_t n_containers;
	bool all;
	const char **runtime_sockets; /* of container engines; none: the usual ones */
	size_t n_runtime_sockets;
};

/* For getopt_long(): the first letters of a subcommand's short options, and the first of its long ones. */
#define TARGET_SHORT_OPTIONS "+:p:c:n:a"
#define TARGET_LONG_OPTIONS                          \
	{ "pid", required_argument, NULL, 'p' },     \
	{ "cgroup", required_argument, NULL, 'c' },  \
	{ "container", required_argument, NULL, 'n' }, \
	{ "all", no_argument, NULL, 'a' },           \
	{ "runtime-socket", required_argument, NULL, OPTION_RUNTIME_SOCKET }

/* A long option without a letter; those of subcommands begin above. */
#define OPTION_RUNTIME_SOCKET 256

/* Of the usage text. */
#define TARGET_USAGE                                                                                         \
	"  -p, --pid PID[,PID...]    processes\n"                                                            \
	"  -c, --cgroup PATH         a cgroup directory, absolute or relative to the mount: all processes\n" \
	"                            in it and below, present and to come\n"                               \
	"  -n, --container NAME|ID   a running container, by its name or the first digits of its id\n"           \
	"  -a, --all                 every memory cgroup that has processes, without probes\n"                   \
	"      --runtime-socket PATH ask this engine for names (default: Docker's and Podman's sockets)\n"

/*
 * Takes an option that getopt_long() found and that the subcommand itself does not know: a target, or one that is to be refused
 * (unknown, without its value, not there yet). Fails with EXIT_USAGE; argv[0] is the subcommand's name.
 */
int target_options_take(struct target_options *options, int option, char *argv[], struct error *err);

/* The directory of a -c option: a cgroup that memory is charged to. Fails as cgroup_dir_open() does, or with EXIT_HOST. */
int target_open_cgroup(const struct hierarchy *hierarchy, const char *name, struct cgroup_dir *ret, struct error *err);

/* Whether anything but --all is named: what probes are for. */
bool target_options_name_any(const struct target_options *options);

/* What it holds; may be called again. */
void target_options_free(struct target_options *options);

#endif
