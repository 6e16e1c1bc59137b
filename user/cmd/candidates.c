// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/candidates.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/cmd/view.h"
#include "user/kernel/status.h"

/* What is in live blocks it does not give: of a leak, whose heap has always changed since it was looked into, that is known all the same. */
int64_t candidate_most(const struct process_view *view, const struct process_status *status)
{
	int64_t held = known_add(status->rss_anon, status->swap), gap, least;

	if (is_known(view->heap.trimmable) && !view->behind)
		return view->heap.trimmable;
	if (!is_known(held) || !is_known(view->alloc) || !is_known(view->baseline))
		return status->rss;
	gap = held - view->alloc;
	least = view->stale ? LITTLE_BYTES : 0; /* it may have freed something since */
	return gap > least ? gap : least;
}

static int compare_most(const void *a, const void *b)
{
	int64_t x = ((const struct trim_candidate *)a)->most, y = ((const struct trim_candidate *)b)->most;

	return (x < y) - (x > y);
}

/* Not opened yet. */
static size_t gather(const struct candidates_request *request, struct trim_candidate *all, struct error *err)
{
	struct targets *targets = request->targets;
	size_t n = 0;

	for (size_t i = 0; i < targets->n_processes; i++) {
		struct watched_process *process = targets->processes[i];
		struct process_status status;
		struct process_view view;
		int result;

		if (!row_has(request->row, process))
			continue;
		result = process_status_read(targets->proc_fd, process->id.pid, &status);
		if (fs_is_short(result))
			error_set(err, EXIT_FAILED, "cannot read its figures: %s", strerror(-result));
		if (result)
			continue;
		view_of(targets, process, &view);
		all[n++] = (struct trim_candidate){ process->id, status.rss, view.behind ? UNKNOWN : view.heap.trimmable,
						    candidate_most(&view, &status) };
	}
	return n;
}

size_t list_candidates(struct trim_candidate *candidates, struct error *err, void *data)
{
	const struct candidates_request *request = data;
	struct trim_candidate *all = calloc(request->targets->n_processes + 1, sizeof(*all));
	size_t n = all ? gather(request, all, err) : 0, opened = 0;

	if (!all)
		error_set(err, EXIT_FAILED, "out of memory");
	if (n)
		qsort(all, n, sizeof(*all), compare_most);
	for (size_t i = 0; i < n && opened < TRIM_PIDS_MAX; i++) {
		struct pid_identity id;
		struct error failure;

		if (pid_open(request->targets->proc_fd, all[i].id.pid, &id, &failure)) {
			if (failure.status != EXIT_TARGET) /* it is there */
				*err = failure;
			continue;
		}
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
