/* SPDX-License-Identifier: GPL-2.0-only */
/* What container engines have on disk about their containers, below a host's root directory. */
#ifndef MEMGAP_TARGET_RUNTIME_FILES_H
#define MEMGAP_TARGET_RUNTIME_FILES_H

#include "user/target/runtime_json.h"

/*
 * Told of a file that is there and cannot be used, with a reason that follows its path ("is no regular file"). A
 * file that is missing, or is gone in between, is no news.
 */
typedef void (*runtime_file_failed)(const char *path, const char *reason, void *data);

/*
 * Bundles of running containers, whose annotations know Kubernetes' names best:
 *   /run/containers/storage/overlay-containers/ID/userdata/config.json      CRI-O (Podman has its own below /var/lib)
 *   /run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json  containerd, nerdctl (core/runtime/v2); k3s and
 *                                                                           RKE2 have theirs below /run/k3s/containerd
 * Returns 0, or what found returned if not 0.
 */
int runtime_read_bundles(int root_fd, runtime_found found, runtime_file_failed failed, void *data);

/*
 * The lists of containers/storage, which Podman and CRI-O build on: containers.json and volatile-containers.json below
 * /var/lib/containers/storage/overlay-containers, and the latter below /run with transient storage. Returns as above.
 */
int runtime_read_storage(int root_fd, runtime_found found, runtime_file_failed failed, void *data);

#endif
