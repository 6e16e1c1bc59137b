// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/target_options.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/units.h"
#include "user/kernel/cgroup.h"

#define usage(err, ...) error_set(err, EXIT_USAGE, __VA_ARGS__)

static int add_pids(struct target_options *options, const char *list, struct error *err)
{
	char number[16];
	int64_t pid;

	for (const char *at = list;; at++) {
		size_t length = strcspn(at, ",");
		pid_t *pids;

		if (length >= sizeof(number))
			return usage(err, "'%s' is not a list of pids: -p 123 or -p 123,456", list);
		memcpy(number, at, length);
		number[length] = '\0';
		if (parse_count(number, INT_MAX, &pid))
			return usage(err, "'%s' is not a list of pids: -p 123 or -p 123,456", list);
		pids = realloc(options->pids, (options->n_pids + 1) * sizeof(*pids));
		if (!pids)
			return error_set(err, EXIT_FAILED, "out of memory");
		options->pids = pids;
		pids[options->n_pids++] = (pid_t)pid;
		at += length;
		if (!*at)
			return 0;
	}
}

static int add_word(const char ***words, size_t *n, const char *word, struct error *err)
{
	const char **longer = realloc(*words, (*n + 1) * sizeof(*longer));

	if (!longer)
		return error_set(err, EXIT_FAILED, "out of memory");
	*words = longer;
	longer[(*n)++] = word;
	return 0;
}

/* As from a variable that is not set: not the root, not any container. */
static int add_cgroup(struct target_options *options, const char *path, struct error *err)
{
	if (!*path)
		return usage(err, "'' is no cgroup: -c PATH, or -c / for all");
	return add_word(&options->cgroups, &options->n_cgroups, path, err);
}

static int add_container(struct target_options *options, const char *name, struct error *err)
{
	if (!*name)
		return usage(err, "'' is no container: -n NAME, or -n ID");
	return add_word(&options->containers, &options->n_containers, name, err);
}

bool target_options_name_any(const struct target_options *options)
{
	return options->n_pids || options->n_cgroups || options->n_containers;
}

/* What was not understood: a long option is a word of its own, a short one may stand among others. */
static int unknown(char *argv[], struct error *err)
{
	const char *word = argv[optind - 1];

	if (optopt && strncmp(word, "--", 2))
		return usage(err, "unknown option '-%c': see `memgap %s --help`", optopt, argv[0]);
	return usage(err, "unknown option '%s': see `memgap %s --help`", word, argv[0]);
}

int target_options_take(struct target_options *options, int option, char *argv[], struct error *err)
{
	switch (option) {
	case 'p':
		return add_pids(options, optarg, err);
	case 'c':
		return add_cgroup(options, optarg, err);
	case 'n':
		return add_container(options, optarg, err);
	case 'a':
		options->all = true;
		return 0;
	case OPTION_RUNTIME_SOCKET:
		return add_word(&options->runtime_sockets, &options->n_runtime_sockets, optarg, err);
	case ':':
		return usage(err, "option '%s' needs a value: see `memgap %s --help`", argv[optind - 1], argv[0]);
	default:
		return unknown(argv, err);
	}
}

int target_open_cgroup(const struct hierarchy *hierarchy, const char *name, struct cgroup_dir *ret, struct error *err)
{
	if (cgroup_dir_open(hierarchy, name, ret, err))
		return -1;
	if (cgroup_has_memory(ret->fd, hierarchy->version))
		return 0;
	error_set(err, EXIT_HOST, "the memory controller is not on for cgroup %s: "
		  "`echo +memory` into the cgroup.subtree_control of the one above it", ret->path);
	cgroup_dir_close(ret);
	return -1;
}

void target_options_free(struct target_options *options)
{
	free(options->pids);
	free(options->cgroups);
	free(options->containers);
	free(options->runtime_sockets);
	*options = (struct target_options){ 0 };
}
