// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/candidates.h"

#include <fcntl.h>
#include <stdlib.h>

#include "user/kernel/status.h"

static int compare_rss(const void *a, const void *b)
{
	const struct trim_candidate *x = a, *y = b;

	return (x->rss < y->rss) - (x->rss > y->rss);
}

size_t list_candidates(struct trim_candidate *candidates, void *data)
{
	const struct candidates_request *request = data;
	const struct targets *targets = request->targets;
	struct trim_candidate *all = calloc(targets->n_processes + 1, sizeof(*all));
	size_t n = 0, opened = 0;

	for (size_t i = 0; all && i < targets->n_processes; i++) {
		const struct watched_process *process = targets->processes[i];
		struct process_status status;

		if (!row_has(request->row, process) || process_status_read(targets->proc_fd, process->id.pid, &status))
			continue;
		all[n++] = (struct trim_candidate){ process->id, status.rss };
	}
	if (n)
		qsort(all, n, sizeof(*all), compare_rss);
	for (size_t i = 0; i < n && opened < TRIM_PIDS_MAX; i++) {
		struct pid_identity id;
		struct error ignored;

		if (pid_open(targets->proc_fd, all[i].id.pid, &id, &ignored))
			continue;
		if (id.start_time == all[i].id.start_time)
			candidates[opened++] = (struct trim_candidate){ id, all[i].rss };
		else
			pid_close(&id); /* the pid is another process's by now */
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
