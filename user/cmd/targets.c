// SPDX-License-Identifier: GPL-2.0-only
/* The lists of what is watched, and how they follow what the kernel reports. */
#include "user/cmd/targets.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/allocator/translator.h"
#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/cmd/governor.h"
#include "user/cmd/refusal.h"

/* A process that maps and unmaps code all the time is not to keep us busy; what is put off is done at the next interval. */
#define MAX_LOOKS 100

bool row_has(const struct row *row, const struct watched_process *process)
{
	if (row->process)
		return row->process == process;
	for (const struct watched_cgroup *cgroup = process->cgroup; cgroup; cgroup = cgroup->parent)
		if (cgroup == row->cgroup)
			return true;
	return false;
}

bool has_allocator(const struct watched_process *process)
{
	return process->had_allocator && process->failure != -ENOENT;
}

/* Where a pid is in the sorted list, or would be. */
static size_t position_of(const struct targets *targets, pid_t pid)
{
	size_t low = 0, high = targets->n_processes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (targets->processes[middle]->id.pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct watched_process *targets_find(const struct targets *targets, pid_t pid)
{
	size_t at = position_of(targets, pid);

	return at < targets->n_processes && targets->processes[at]->id.pid == pid ? targets->processes[at] : NULL;
}

/* Room for one more pointer. */
static int grow(void *array, size_t n)
{
	void **list = realloc(*(void ***)array, (n + 1) * sizeof(void *));

	if (!list)
		return -ENOMEM;
	*(void ***)array = list;
	return 0;
}

struct row *targets_add_row(struct targets *targets, struct watched_process *process, struct watched_cgroup *cgroup)
{
	struct row *row = calloc(1, sizeof(*row));

	if (!row || grow(&targets->rows, targets->n_rows)) {
		free(row);
		return NULL;
	}
	row->process = process;
	row->cgroup = cgroup;
	history_init(&row->history);
	trimmer_init(&row->trimmer, targets->trims);
	targets->rows[targets->n_rows++] = row;
	return row;
}

struct watched_process *targets_add_process(struct targets *targets, const struct pid_identity *id,
					    struct watched_cgroup *cgroup, bool own)
{
	struct watched_process *process = calloc(1, sizeof(*process));
	size_t at = position_of(targets, id->pid);
	bool is_shown = (own && targets->options->per != PER_CGROUP) || targets->options->per == PER_PROCESS;

	if (!process || grow(&targets->processes, targets->n_processes) || (is_shown && !targets_add_row(targets, process, NULL))) {
		free(process);
		return NULL;
	}
	process->id = *id;
	process->reading.activity.fd = -1;
	survey_init(&process->survey);
	governed_init(&process->governed);
	process->cgroup = cgroup;
	process->own = own;
	memmove(&targets->processes[at + 1], &targets->processes[at],
		(targets->n_processes - at) * sizeof(*targets->processes));
	targets->processes[at] = process;
	targets->n_processes++;
	return process;
}

struct watched_cgroup *targets_add_cgroup(struct targets *targets, const struct cgroup_dir *dir, bool adopts)
{
	struct watched_cgroup *cgroup = calloc(1, sizeof(*cgroup));

	if (!cgroup || grow(&targets->cgroups, targets->n_cgroups) ||
	    (targets->options->per != PER_PROCESS && !targets_add_row(targets, NULL, cgroup))) {
		free(cgroup);
		return NULL;
	}
	cgroup->dir = *dir;
	cgroup->slot = (uint32_t)targets->n_cgroups + 1;
	cgroup->adopts = adopts;
	targets->cgroups[targets->n_cgroups++] = cgroup;
	return cgroup;
}

void targets_remove_cgroup(struct targets *targets, struct watched_cgroup *cgroup)
{
	for (size_t i = targets->n_rows; i-- > 0;)
		if (targets->rows[i]->cgroup == cgroup)
			targets_end_row(targets, targets->rows[i]);
	for (size_t i = targets->n_processes; i-- > 0;)
		if (targets->processes[i]->cgroup == cgroup)
			targets->processes[i]->cgroup = cgroup->parent;
	for (size_t i = targets->n_cgroups; i-- > 0;) {
		if (targets->cgroups[i]->parent == cgroup)
			targets->cgroups[i]->parent = cgroup->parent;
		if (targets->cgroups[i] == cgroup)
			targets->cgroups[i] = targets->cgroups[targets->n_cgroups - 1];
	}
	if (cgroup->parent) {
		counts_add(&cgroup->parent->uncounted, &cgroup->uncounted);
		cgroup->parent->uncounted_error = hypot(cgroup->parent->uncounted_error, cgroup->uncounted_error);
	}
	targets->n_cgroups--;
	free(cgroup);
}

void targets_end_row(struct targets *targets, struct row *row)
{
	for (size_t i = 0; i < targets->n_rows; i++) {
		if (targets->rows[i] != row)
			continue;
		line_close(targets, row);
		trimmer_finish(&row->trimmer);
		memmove(&targets->rows[i], &targets->rows[i + 1], (targets->n_rows - i - 1) * sizeof(*targets->rows));
		targets->n_rows--;
		free(row);
		return;
	}
}

void targets_settle_go(struct watched_process *process)
{
	struct survey *survey = &process->survey;

	if (!survey->has_go)
		return;
	if (process->cgroup)
		process->cgroup->uncounted.total_alloc += survey->go_total - survey->go_settled;
	survey->go_settled = survey->go_total;
}

void targets_forget_program(struct watched_process *process)
{
	targets_settle_go(process);
	survey_forget(&process->survey);
}

void targets_move(struct watched_process *process, struct watched_cgroup *cgroup)
{
	if (process->cgroup == cgroup)
		return;
	governed_settle(process);
	targets_settle_go(process);
	process->cgroup = cgroup;
}

void targets_remove_process(struct targets *targets, struct watched_process *process)
{
	size_t at = position_of(targets, process->id.pid);

	for (size_t i = targets->n_rows; i-- > 0;)
		if (targets->rows[i]->process == process)
			targets_end_row(targets, targets->rows[i]);
	memmove(&targets->processes[at], &targets->processes[at + 1],
		(targets->n_processes - at - 1) * sizeof(*targets->processes));
	targets->n_processes--;
	governed_settle(process);
	if (targets->governor && process->own)
		governor_forget(targets->governor, process->id.pid);
	/* its own probes stay until we end: they cost nothing now, and to take them away takes long */
	if (process->own && targets->probes)
		probes_remove(targets->probes, process->id.pid);
	pid_close(&process->id);
	activity_close(&process->reading.activity);
	targets_forget_program(process);
	free(process);
}

/* The watched cgroup with this slot; NULL for 0. */
static struct watched_cgroup *cgroup_by_slot(const struct targets *targets, uint32_t slot)
{
	return slot && slot <= targets->n_cgroups ? targets->cgroups[slot - 1] : NULL;
}

/* A process that the kernel side already counts. */
static struct watched_process *adopt(struct targets *targets, pid_t pid)
{
	struct pid_identity id = { .pid = pid, .pidfd = -1 };
	struct memgap_process record;
	struct pid_stat stat;
	int result;

	if (probes_read_process(targets->probes, pid, &record))
		return NULL;
	result = pid_stat_read(targets->proc_fd, pid, &stat);
	targets->overlooked |= fs_is_short(result);
	if (result || !pid_stat_has_memory(&stat) || (record.owner && !record.slot))
		return NULL; /* gone already, a kernel thread's, or the vfork child of a lone target */
	id.start_time = stat.start_time;
	memcpy(id.comm, stat.comm, sizeof(id.comm));
	return targets_add_process(targets, &id, cgroup_by_slot(targets, record.slot), false);
}

static void begin_program(struct watched_process *process)
{
	targets_forget_program(process);
	process->had_allocator &= process->foretold;
	process->foretold = process->probes_lost = false;
}

/*
 * A perf event for a process is its first thread's: once that is gone, its uprobes find no memory to be in (uprobe_perf_filter() in
 * kernel/trace/trace_uprobe.c).
 */
static void lose_first_thread(const struct targets *targets, struct watched_process *process)
{
	if (!process->own || targets->everyone || probes_features(targets->probes)->multi)
		return;
	process->probes_lost = true;
	targets_forget_program(process); /* a look into it may have found it without any maps, and the next were a minute away */
	log_message("pid %d (%s) goes on without its first thread, and on this kernel (Linux 6.6 is better) without probes: what it allocates is not "
		    "counted any more", process->id.pid, process->id.comm);
}

static void take_event(const struct memgap_event *event, void *data)
{
	struct targets *targets = data;
	struct watched_process *process = targets_find(targets, (pid_t)event->pid);

	switch (event->type) {
	case MEMGAP_EVENT_TRANSLATOR:
		/* at once: what it runs will have its libraries in a moment */
		if (targets->everyone && targets->governor && translator_is(targets->proc_fd, (pid_t)event->pid))
			governor_yield(targets->governor, (pid_t)event->pid);
		return;
	case MEMGAP_EVENT_CROSSED:
		targets->crossed = true;
		return;
	case MEMGAP_EVENT_FIRST_THREAD:
		if (process)
			lose_first_thread(targets, process);
		return;
	case MEMGAP_EVENT_EXIT:
	case MEMGAP_EVENT_LEAVE:
		/* a target of its own is over when its pidfd says so, and stays one wherever it moves */
		if (process && !process->own)
			targets_remove_process(targets, process);
		return;
	default:
		break;
	}
	if (!process)
		process = adopt(targets, (pid_t)event->pid);
	if (!process)
		return;
	process->dirty = true;
	if (event->type == MEMGAP_EVENT_EXEC || event->type == MEMGAP_EVENT_EXEC_BY_THREAD)
		begin_program(process);
	process->task_gone |= event->type == MEMGAP_EVENT_EXEC_BY_THREAD;
}

/* Some events were lost, or of no use: what the kernel side has is what counts. */
static void reconcile(struct targets *targets)
{
	pid_t *pids = calloc(MEMGAP_MAX_PROCESSES, sizeof(*pids));
	struct memgap_process record;
	size_t n = pids ? probes_list(targets->probes, pids, MEMGAP_MAX_PROCESSES) : 0;

	for (size_t i = 0; i < n; i++)
		if (!targets_find(targets, pids[i]))
			adopt(targets, pids[i]);
	free(pids);
	for (size_t i = targets->n_processes; i-- > 0;) {
		struct watched_process *process = targets->processes[i];

		process->dirty = true;
		if (!process->own && probes_read_process(targets->probes, process->id.pid, &record))
			targets_remove_process(targets, process);
	}
}

void targets_attach(struct targets *targets, struct watched_process *process)
{
	/* Go's heap is not malloc's, and a return probe on a stack that moves would kill it: nor where that is not known */
	int is_go = targets->options->go ? survey_is_go(targets, process) : 0;
	int result = is_go > 0 ? -ENOENT : is_go ? is_go :
		     probes_attach(targets->probes, process->id.pid, targets->everyone, &process->allocator);

	/* of one that has exited meanwhile, or has none yet, what is known stays known */
	if (is_go > 0 || (result != -ESRCH && result != -ENOENT))
		process->had_allocator = !result;
	if (result && !refusal_is_mild(result) && result != -ESRCH && result != process->failure)
		log_message("cannot probe pid %d (%s): %s", process->id.pid, process->id.comm, strerror(-result));
	if (result == IS_TRANSLATOR && targets->everyone && result != process->failure)
		log_message("pid %d (%s) translates a program (valgrind, qemu): the libraries that it maps are probed for nobody while it runs",
			    process->id.pid, process->id.comm);
	/* what kept one from its probes has gone: all of them try again */
	for (size_t i = 0; process->failure == TRANSLATOR_MAPS_IT && !result && i < targets->n_processes; i++)
		targets->processes[i]->dirty |= targets->processes[i]->failure == TRANSLATOR_MAPS_IT;
	process->failure = result;
}

/* A new program has a new name; a moved process another cgroup; new libraries want probes. */
static void look_again(struct targets *targets, struct watched_process *process)
{
	struct memgap_process record;
	struct pid_stat stat;

	process->dirty = process->scanned = false;
	process->looks++;
	if (process->task_gone && !targets->everyone)
		probes_forget(targets->probes, process->id.pid);
	process->task_gone = false;
	if (!pid_stat_read(targets->proc_fd, process->id.pid, &stat))
		memcpy(process->id.comm, stat.comm, sizeof(process->id.comm));
	/* where events do not tell of its cgroup, the scan does */
	if (!probes_read_process(targets->probes, process->id.pid, &record) && (record.slot || !process->cgroup || !process->cgroup->found))
		targets_move(process, cgroup_by_slot(targets, record.slot));
	targets_attach(targets, process);
}

void targets_new_interval(struct targets *targets)
{
	bool retried = false;

	for (size_t i = 0; i < targets->n_processes; i++) {
		struct watched_process *process = targets->processes[i];

		process->looks = 0;
		if (process->failure != TRANSLATOR_MAPS_IT || retried)
			continue;
		/* one for all of them */
		process->dirty = retried = true;
	}
	if (targets->probes)
		probes_tidy(targets->probes);
}

void targets_follow(struct targets *targets)
{
	bool overlooked = targets->overlooked, lost;

	targets->overlooked = false;
	probes_take_events(targets->probes, take_event, targets, &lost);
	if (lost || overlooked)
		reconcile(targets);
	for (size_t i = 0; i < targets->n_processes; i++)
		if (targets->processes[i]->dirty && targets->processes[i]->looks < MAX_LOOKS)
			look_again(targets, targets->processes[i]);
	targets->lost = probes_lost(targets->probes);
}

void targets_close(struct targets *targets)
{
	while (targets->n_rows)
		targets_end_row(targets, targets->rows[0]);
	while (targets->n_processes)
		targets_remove_process(targets, targets->processes[targets->n_processes - 1]);
	for (size_t i = 0; i < targets->n_cgroups; i++) {
		if (!targets->cgroups[i]->found)
			cgroup_dir_close(&targets->cgroups[i]->dir);
		free(targets->cgroups[i]);
	}
	cgroup_tree_close(targets->tree);
	probes_close(targets->probes);
	free(targets->rows);
	free(targets->processes);
	free(targets->cgroups);
	hierarchy_close(&targets->hierarchy);
	if (targets->proc_fd >= 0)
		close(targets->proc_fd);
}
