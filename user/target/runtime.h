/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names of containers, as those know them that run them: Docker's and Podman's API, and the files of Podman, CRI-O,
 * containerd and nerdctl. Each source may be missing, broken or hostile; each is bounded in time and in memory. A container
 * that was stopped may be among them: Podman's and CRI-O's files keep it until it is removed. Only cgroups tell what runs.
 *
 * All of it may be called from any thread whose stack has 1 MiB (the JSON parser goes 2048 levels deep); it has no state
 * but what is passed. libcurl asks that main() call curl_global_init(CURL_GLOBAL_DEFAULT) once, before there are threads.
 */
#ifndef MEMGAP_TARGET_RUNTIME_H
#define MEMGAP_TARGET_RUNTIME_H

#include <stddef.h>

#include "user/target/container.h"

#define RUNTIME_NAME_MAX 256
#define RUNTIME_NOTE_MAX 512
#define RUNTIME_CONTAINERS_MAX 10000 /* 18 MB at most; the kubelet's default is 110 pods a host */

/* Texts are printable (user/base/text.h), cut at their room, and "" where not known. */
struct container_info {
	char id[CONTAINER_ID_LENGTH + 1];
	char name[RUNTIME_NAME_MAX];          /* in a pod: its name there, which other pods' containers may have as well */
	char pod[RUNTIME_NAME_MAX];           /* Kubernetes' pod */
	char pod_namespace[RUNTIME_NAME_MAX]; /* and the pod's namespace */
	char image[RUNTIME_NAME_MAX];         /* as it was asked for */
};

struct runtime_sources {
	int root_fd;                /* the host's "/", for the sockets' usual places and the files; -1: neither */
	const char *docker_host;    /* $DOCKER_HOST, asked as well when it begins with unix://; or NULL */
	const char *const *sockets; /* if any, then only these are asked; paths in memgap's own file system */
	size_t n_sockets;
};

struct runtime_names;

/*
 * Asks all sources, one after the other: at most a second for each socket. Without any there are no names, and no failure:
 * -ENOMEM is the only one. What one source knows of a container and another does not is put together.
 * ret_note (RUNTIME_NOTE_MAX bytes): what went wrong, "; " between, to be shown; "" when nothing did. That a usual place has
 * no socket and no file is no news. runtime_names_free() releases the names, NULL too.
 */
int runtime_names_read(const struct runtime_sources *sources, struct runtime_names **ret, char *ret_note);
void runtime_names_free(struct runtime_names *names);

/* The container with this whole id, or NULL. */
const struct container_info *runtime_names_get(const struct runtime_names *names, const char *id);

/*
 * The containers that a user means, as `docker` takes it: the one with that whole id, else those with exactly that name,
 * else those whose id begins so (a digit suffices). Returns how many there are, and writes the first max of them, by id.
 */
size_t runtime_names_find(const struct runtime_names *names, const char *wanted, const struct container_info **ret,
			  size_t max);

/* All of them, by id. */
size_t runtime_names_count(const struct runtime_names *names);
const struct container_info *runtime_names_at(const struct runtime_names *names, size_t at);

#endif
