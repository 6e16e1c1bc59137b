/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What container engines say and write of a container, in JSON. Pure. Unknown fields and entries without a whole id are
 * passed over; one entry at a time is taken apart, and none longer than 1 MiB, so that memory stays bounded. -ENOMEM without it.
 */
#ifndef MEMGAP_TARGET_RUNTIME_JSON_H
#define MEMGAP_TARGET_RUNTIME_JSON_H

#include <stddef.h>

#include "user/target/runtime.h"

#define RUNTIME_ENTRY_MAX (1 << 20)

/* Called for each container; not 0 ends the reading, which then returns that. */
typedef int (*runtime_found)(const struct container_info *info, void *data);

/*
 * The answer to GET /containers/json (Docker Engine API, "List containers"; Podman's API answers it alike): an array of
 * { "Id", "Names": ["/name", "/other/alias"], "Image", "Labels": { "io.kubernetes.pod.name": …, } }. The labels are those
 * that dockershim, and cri-dockerd, set (kubernetes pkg/kubelet/types/labels.go).
 * -EPROTO where it is no such array; what stood before is found all the same.
 */
int runtime_parse_api(const char *text, size_t length, runtime_found found, void *data);

/*
 * containers.json and volatile-containers.json of containers/storage (containers.go, struct Container): an array of
 * { "id", "names": ["name"], "metadata": "{\"image-name\":…}" }; what stands in metadata is its user's (Podman's
 * libpod/storage.go, CRI-O's internal/storage/runtime.go). -EPROTO as above.
 */
int runtime_parse_storage(const char *text, size_t length, runtime_found found, void *data);

/*
 * config.json of an OCI bundle (runtime-spec config.md), of which the annotations tell: CRI-O's "io.kubernetes.…" (the
 * kubelet's labels), containerd's "io.kubernetes.cri.…" (internal/cri/annotations), nerdctl's "nerdctl/name" (pkg/labels).
 * Sets what is told but not the id. -EPROTO when it is none, -ENODATA when it has neither a name nor a pod.
 */
int runtime_parse_oci(const char *text, size_t length, struct container_info *ret);

#endif
