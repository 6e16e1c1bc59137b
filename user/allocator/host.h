/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host must offer before probes can be thought of; each thing that is missing is named with its remedy. */
#ifndef MEMGAP_ALLOCATOR_HOST_H
#define MEMGAP_ALLOCATOR_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/error.h"

/* What probes cannot do without. */
enum host_need {
	HOST_PRIVILEGE,
	HOST_BTF,
	HOST_TRACEFS,
	HOST_TRACEFS_READABLE,
	HOST_UPROBES,
	HOST_PERF_EVENTS, /* are ours to open */
	HOST_PID_NAMESPACE, /* the first one */
	HOST_NEEDS,
};

/* Capabilities that something hangs on, each with CAP_SYS_ADMIN in its place where that does. */
enum host_privilege {
	HOST_MAY_LOAD,       /* BPF programs */
	HOST_MAY_TRACE,      /* put them on tracepoints and probes */
	HOST_MAY_LOOK,       /* into the processes of others */
	HOST_MAY_OPEN_FILES, /* that a process maps */
	HOST_MAY_SIGNAL,     /* the processes of others */
	HOST_PRIVILEGES,
};

struct host {
	bool has[HOST_NEEDS];
	bool may[HOST_PRIVILEGES];
};

void host_read(int proc_fd, struct host *ret);

/* What it means that this is missing, and the remedy. */
const char *host_remedy(enum host_need need);

/* "CAP_BPF or CAP_SYS_ADMIN", and what one may do with it: "load BPF programs". */
const char *host_capability(enum host_privilege privilege);
const char *host_purpose(enum host_privilege privilege);

/* Fails with EXIT_HOST for the first need that is missing. */
int host_check(int proc_fd, struct error *err);

/* Pure: effective capabilities, a bit each (capabilities(7)); of a user namespace below the first one they count for nothing. */
void host_weigh(uint64_t capabilities, bool first_user_namespace, bool ret_may[HOST_PRIVILEGES]);

#endif
