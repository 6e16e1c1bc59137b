/* SPDX-License-Identifier: GPL-2.0-only */
/* One look into a process, in the thread of a worker: it sees nothing but this. */
#ifndef MEMGAP_CMD_LOOK_H
#define MEMGAP_CMD_LOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/cmd/survey.h"

struct look {
	int proc_fd;
	pid_t pid;
	uint64_t start_time;
	bool with_heap, with_go; /* what is to be looked into; with_go: to be opened */
	bool is_go, has_c;       /* a Go program, linked with C */
	bool first;
	struct heap_budget budget;
	struct survey survey;    /* as it was before, then as it is found */
};

/* data: a struct look. */
void look_run(void *data);

#endif
