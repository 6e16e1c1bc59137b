/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines that the kernel side watches (struct memgap_line): at each allocation of a probed process, or of those in a cgroup, it compares
 * what is live with a threshold, and sends the signal in the midst of the call that reaches it. One line a process; of
 * cgroups above each other, its processes count towards one.
 */
#ifndef MEMGAP_ALLOCATOR_LINES_H
#define MEMGAP_ALLOCATOR_LINES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/memgap.h"

struct probes;

/* Whom it is for. */
struct line_owner {
	pid_t pid;       /* a process that is watched, or 0: */
	uint32_t slot;   /* a cgroup's slot */
	uint32_t record; /* where the process's record was when it was drawn, 0 at first */
};

/*
 * bytes: of a process, what it was handed out less what it gave back since the watch (memgap_net()) at which the signal goes out; of a
 * cgroup, what is left until then. asked: the process that may be asked. -ESRCH: the process is not watched.
 */
int lines_draw(struct probes *probes, struct line_owner *owner, int64_t bytes, int signal, pid_t asked);
/* Nothing crosses it from now on. false: somebody has since it was drawn; lines_crossed() tells. */
bool lines_erase(struct probes *probes, const struct line_owner *owner);

/* Of a cgroup: what this process allocates counts towards its line, if it has none of its own. record: as in struct line_owner. */
void lines_join(struct probes *probes, const struct line_owner *cgroup, pid_t pid, uint32_t *record);

/* Whether it was crossed since it was drawn; *ret: by whom, when, and what was done. */
bool lines_crossed(const struct probes *probes, const struct line_owner *owner, struct memgap_line *ret);

/* What was resident of who has crossed it, at that moment: bytes, at least so many; UNKNOWN where the kernel side could not tell. */
int64_t line_least_rss(const struct memgap_line *crossed);

#endif
