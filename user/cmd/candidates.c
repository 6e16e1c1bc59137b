// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/candidates.h"

#include <fcntl.h>
#include <stdlib.h>

#include "user/base/units.h"
#include "user/cmd/view.h"
#include "user/kernel/status.h"

/* What it may give at most. */
static int64_t most_of(const struct trim_candidate *candidate)
{
	return is_known(candidate->trimmable) ? candidate->trimmable : candidate->rss;
}

static int compare_most(const void *a, const void *b)
{
	int64_t x = most_of(a), y = most_of(b);

	return (x < y) - (x > y);
}

/* Not opened yet. */
static size_t gather(const struct candidates_request *request, struct trim_candidate *all)
{
	struct targets *targets = request->targets;
	size_t n = 0;

	for (size_t i = 0; i < targets->n_processes; i++) {
		struct watched_process *process = targets->processes[i];
		struct process_status status;
		struct process_view view;

		if (!row_has(request->row, process) || process_status_read(targets->proc_fd, process->id.pid, &status))
			continue;
		view_of(targets, process, &view);
		all[n++] = (struct trim_candidate){ process->id, status.rss, view.behind ? UNKNOWN : view.heap.trimmable };
	}
	return n;
}

size_t list_candidates(struct trim_candidate *candidates, void *data)
{
	const struct candidates_request *request = data;
	struct trim_candidate *all = calloc(request->targets->n_processes + 1, sizeof(*all));
	size_t n = all ? gather(request, all) : 0, opened = 0;

	if (n)
		qsort(all, n, sizeof(*all), compare_most);
	for (size_t i = 0; i < n && opened < TRIM_PIDS_MAX; i++) {
		struct pid_identity id;
		struct error ignored;

		if (pid_open(request->targets->proc_fd, all[i].id.pid, &id, &ignored))
			continue;
		if (id.start_time != all[i].id.start_time) {
			pid_close(&id); /* the pid is another process's by now */
			continue;
		}
		candidates[opened] = all[i];
		candidates[opened++].id = id;
	}
	free(all);
	return opened;
}

int open_row_cgroup(void *data)
{
	const struct candidates_request *request = data;

	if (request->row->cgroup)
		return fcntl(request->row->cgroup->dir.fd, F_DUPFD_CLOEXEC, 0);
	return hierarchy_open_home(&request->targets->hierarchy, request->targets->proc_fd, request->row->process->id.pid, NULL);
}
