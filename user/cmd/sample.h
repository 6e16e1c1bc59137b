/* SPDX-License-Identifier: GPL-2.0-only */
/* From a row to a snapshot: reads both views. */
#ifndef MEMGAP_CMD_SAMPLE_H
#define MEMGAP_CMD_SAMPLE_H

#include "user/cmd/targets.h"
#include "user/gap/snapshot.h"

/* Whether there is an allocator view of the process: what it uses is probed. */
bool is_sampled(const struct targets *targets, const struct watched_process *process);

/*
 * What is known of the row now. Of a process that has exited, the allocator's last figures are known and the
 * kernel's are not. -ENODEV when the row's cgroup is gone; *ret is filled all the same.
 */
int sample_row(struct targets *targets, struct row *row, uint64_t start_ns, struct snapshot *ret);

#endif
