/* SPDX-License-Identifier: GPL-2.0-only */
/* What of a trim is back a minute later: the resident size of those it has asked, or what the cgroup is charged, is read once more. */
#ifndef MEMGAP_CMD_REGROWTH_H
#define MEMGAP_CMD_REGROWTH_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/loop.h"
#include "user/cmd/trim_log.h"
#include "user/output/output.h"

#define REGROWTH_NS 60000000000ULL

struct regrowth;
struct trim_candidate;

/* output, log: where it is told; done (data) is called after that. 0 or -errno. */
int regrowth_open(uint64_t after_ns, int proc_fd, struct loop *loop, struct output *output, struct trim_log *log,
		  void (*done)(void *data), void *data, struct regrowth **ret);
/* What is not over is not told. */
void regrowth_close(struct regrowth *regrowth);

/*
 * After a trim was measured. asked: whom the event names, those that have exited meanwhile closed; when it names nobody, the cgroup was
 * reclaimed from. All stays the caller's.
 */
void regrowth_watch(struct regrowth *regrowth, const struct trim_event *event, const struct trim_candidate *asked, int cgroup_fd,
		    int cgroup_version);

/* Whether any trim is still to be looked at again. */
bool regrowth_pending(const struct regrowth *regrowth);

#endif
