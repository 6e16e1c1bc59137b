/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which container a cgroup is of, by its path alone. Engines name a container's cgroup after its id, 64 hexadecimal digits:
 *
 *   /docker/ID   /k8s.io/ID   /libpod_parent/libpod-ID      where the engine makes the cgroup (driver "cgroupfs")
 *   /system.slice/docker-ID.scope                           where systemd does (moby daemon/oci_linux.go, podman
 *   /machine.slice/libpod-ID.scope[/container]                libpod/container_internal_linux.go)
 *   /kubepods/burstable/podUID/ID                           Kubernetes, of either driver (kubelet's pkg/kubelet/cm:
 *   /kubepods.slice/…-podU_I_D.slice/cri-containerd-ID.scope  cgroup_manager_linux.go; cri-o internal/config/cgmgr)
 *   /system.slice/…-podU_I_D.slice:cri-containerd:ID        containerd by cgroupfs under a kubelet by systemd
 */
#ifndef MEMGAP_TARGET_CONTAINER_H
#define MEMGAP_TARGET_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

#define CONTAINER_ID_LENGTH 64
#define POD_UID_MAX 64

enum container_runtime {
	CONTAINER_RUNTIME_UNKNOWN, /* the path has the id alone */
	CONTAINER_RUNTIME_DOCKER,
	CONTAINER_RUNTIME_PODMAN,
	CONTAINER_RUNTIME_CONTAINERD,
	CONTAINER_RUNTIME_CRIO,
};

struct container_ref {
	char id[CONTAINER_ID_LENGTH + 1];
	char pod_uid[POD_UID_MAX]; /* of the Kubernetes pod whose container it is, with dashes; "" for none */
	enum container_runtime runtime;
	size_t path_length; /* bytes of the path up to the end of the container's own cgroup: those below it are its as well */
};

/*
 * The innermost container that a path of the hierarchy ("/…", as /proc/PID/cgroup has it) lies in: of Docker in Docker, or
 * kind, the one that was started last. The cgroup of an engine's monitor (conmon) is no container, but may lie in one.
 * False, and nothing written, when the path is in none.
 */
bool container_parse(const char *path, struct container_ref *ret);

/* Whether a text of this length is a whole container id: 64 lowercase hexadecimal digits. */
bool container_id_is(const char *text, size_t length);

#endif
