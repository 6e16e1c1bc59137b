/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host must offer before probes can be thought of; each thing that is missing is named with its remedy. */
#ifndef MEMGAP_ALLOCATOR_HOST_H
#define MEMGAP_ALLOCATOR_HOST_H

#include "user/base/error.h"

/* Privilege, BTF, tracefs, the uprobe PMU, the pid namespace. Fails with EXIT_HOST. */
int host_check(int proc_fd, struct error *err);

#endif
