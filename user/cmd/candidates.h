/* SPDX-License-Identifier: GPL-2.0-only */
/* Which processes of a row could be asked to trim. */
#ifndef MEMGAP_CMD_CANDIDATES_H
#define MEMGAP_CMD_CANDIDATES_H

#include "user/cmd/targets.h"
#include "user/cmd/trimmer.h"
#include "user/cmd/view.h"
#include "user/kernel/status.h"

struct candidates_request {
	struct targets *targets;
	const struct row *row;
};

/* Bytes that a process can give at most; of one that is not looked into, what it holds. */
int64_t candidate_most(const struct process_view *view, const struct process_status *status);

/*
 * Those of the row's processes that may have most to give, the largest first, TRIM_PIDS_MAX at
 * most; each opened, the pidfd the caller's to close. data is a struct candidates_request. Returns their number; err is written where
 * memory or descriptors were short.
 */
size_t list_candidates(struct trim_candidate *candidates, struct error *err, void *data);

/* The memory cgroup that the row is, or that its process is in; the caller's to close, -1 when it is not known. */
int open_row_cgroup(void *data);

#endif
