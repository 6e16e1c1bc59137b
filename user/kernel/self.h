/* SPDX-License-Identifier: GPL-2.0-only */
/* What memgap itself takes. */
#ifndef MEMGAP_KERNEL_SELF_H
#define MEMGAP_KERNEL_SELF_H

#include <stdint.h>

struct self_usage {
	double cpu_s;      /* user and system, of all threads */
	int64_t resident;  /* bytes; UNKNOWN */
	int64_t open_fds;  /* UNKNOWN */
};

struct self_usage self_usage_read(void);

#endif
