/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host must offer before probes can be thought of; each thing that is missing is named with its remedy. */
#ifndef MEMGAP_ALLOCATOR_HOST_H
#define MEMGAP_ALLOCATOR_HOST_H

#include <stdbool.h>
#include <sys/types.h>

#include "user/base/error.h"

struct bpf_program;

/* Privilege, BTF, tracefs, the uprobe PMU, the pid namespace. Fails with EXIT_HOST. */
int host_check(int proc_fd, struct error *err);

/*
 * Whether a process under a seccomp filter that does not know the uretprobe system call survives a return
 * probe: tried on a throw-away child, since kernels 6.11 to 6.13.2 kill it and distributions backport.
 * program is any return-probe program. *ret_survives is written on success; else -errno.
 */
int host_try_filtered_return_probe(const struct bpf_program *program, bool *ret_survives);

#endif
