// SPDX-License-Identifier: GPL-2.0-only
/* The targets behind the rows of `memgap top`: those that are shown below their cgroup, and the one that is to be trimmed. */
#include <stdio.h>
#include <string.h>

#include "user/base/units.h"
#include "user/cmd/candidates.h"
#include "user/cmd/sample.h"
#include "user/cmd/top.h"

static struct row *find_row(const struct top *top, enum target_kind kind, pid_t pid, const char *path)
{
	const struct targets *targets = &top->session.targets;

	for (size_t i = 0; i < targets->n_rows; i++) {
		struct row *row = targets->rows[i];

		if (kind == TARGET_PROCESS ? row->process && row->process->id.pid == pid : row->cgroup && !strcmp(row->cgroup->dir.path, path))
			return row;
	}
	return NULL;
}

/* The session's row of a row of the view; NULL: it is gone. */
static struct row *row_of(const struct top *top, const struct view_row *row)
{
	return find_row(top, row->kind, row->pid, row->path);
}

static bool has_row(const struct targets *targets, const struct watched_process *process)
{
	for (size_t i = 0; i < targets->n_rows; i++)
		if (targets->rows[i]->process == process)
			return true;
	return false;
}

static bool is_wanted(struct row *const *expanded, size_t n, const struct watched_process *process)
{
	for (size_t i = 0; i < n; i++)
		if (row_has(expanded[i], process))
			return true;
	return false;
}

/* Nothing waits for the next interval. */
static void show_now(struct top *top, struct row *row)
{
	struct snapshot snapshot;

	if (!sample_row(&top->session.targets, row, top->session.start_ns, &snapshot))
		view_add(&top->view, &snapshot);
}

static void end_guests(struct top *top, struct row *const *expanded, size_t n)
{
	struct targets *targets = &top->session.targets;

	for (size_t i = targets->n_rows; i-- > 0;) {
		struct row *row = targets->rows[i];

		/* a trim is measured to its end */
		if (row->guest && !row->trimmer.running && !is_wanted(expanded, n, row->process))
			targets_end_row(targets, row);
	}
}

/* Those of the processes that have memory to show. */
static void invite_guests(struct top *top, struct row *const *expanded, size_t n)
{
	struct targets *targets = &top->session.targets;

	for (size_t i = 0; i < targets->n_processes; i++) {
		struct watched_process *process = targets->processes[i];
		struct row *row;

		if (!is_wanted(expanded, n, process) || has_row(targets, process))
			continue;
		row = targets_add_row(targets, process, NULL);
		if (!row)
			return;
		row->guest = true;
		show_now(top, row);
	}
}

#define MOST_EXPANDED 64

void top_follow(struct top *top)
{
	struct row *expanded[MOST_EXPANDED];
	size_t n = 0;

	for (size_t i = 0; i < top->view.n_rows && n < MOST_EXPANDED; i++) {
		struct row *row = top->view.rows[i]->expanded ? row_of(top, top->view.rows[i]) : NULL;

		if (row)
			expanded[n++] = row;
	}
	end_guests(top, expanded, n);
	if (n)
		invite_guests(top, expanded, n);
}

/* Rows of processes that only were there because their cgroup was expanded. */
static void forget_guests(struct top *top)
{
	for (size_t i = top->view.n_rows; i-- > 0;) {
		struct view_row *row = top->view.rows[i];

		if (row->kind == TARGET_PROCESS && !row_of(top, row))
			view_forget(&top->view, row);
	}
}

void top_expand(struct top *top, struct view_row *row, bool expanded)
{
	if (row->kind != TARGET_CGROUP || row->expanded == expanded)
		return;
	row->expanded = expanded;
	top_follow(top);
	if (!expanded)
		forget_guests(top);
	view_arrange(&top->view);
}

static void name_asked(const struct top *top, char *text, size_t size)
{
	table_name_target(text, size, &top->asked);
}

static void ask(struct top *top, const struct snapshot *snapshot, const struct trim_judgement *judgement)
{
	char name[TARGET_PATH_MAX], bytes[BYTES_TEXT_MAX], whom[64] = "";
	struct trim_action action;
	bool ignored;
	int64_t wanted = trim_wanted(top->session.trims.action->kind, judgement, snapshot, &ignored);
	int64_t predicted = trim_predict(judgement->kind, snapshot, wanted);

	trim_action_choose(top->session.trims.action, judgement->kind, &action);
	if (snapshot->target.kind == TARGET_CGROUP && judgement->kind != ACTION_RECLAIM)
		snprintf(whom, sizeof(whom), " to those of its %lld processes with most to give", (long long)snapshot->target.processes);
	name_asked(top, name, sizeof(name));
	snprintf(top->prompt, sizeof(top->prompt), "%s%s %.256s: %.80s%s, %s%s. Do it? (y/N) ", action.dry_run ? "dry run: " : "",
		 top->force ? "FORCE a trim of" : "trim", name, action.text, whom,
		 is_known(predicted) ? format_bytes(bytes, predicted) : "what comes back is not known",
		 is_known(predicted) ? " expected back" : "");
	top->mode = TOP_CONFIRM;
}

static struct row *sample_asked(struct top *top, struct snapshot *snapshot)
{
	struct row *row = find_row(top, top->asked.kind, top->asked.pid, top->asked.cgroup);
	char name[TARGET_PATH_MAX];

	name_asked(top, name, sizeof(name));
	if (!row || sample_row(&top->session.targets, row, top->session.start_ns, snapshot)) {
		top_tell(top, "%.256s is gone", name);
		return NULL;
	}
	if (row->trimmer.running) {
		top_tell(top, "%.256s: its last trim is still being measured", name);
		return NULL;
	}
	return row;
}

static void trim(struct top *top, struct row *row, const struct snapshot *snapshot)
{
	struct targets *targets = &top->session.targets;
	struct candidates_request request = { targets, row };
	struct trim_source source = { list_candidates, open_row_cgroup, &request, targets->hierarchy.version };

	if (top->force)
		trimmer_force(&row->trimmer, snapshot, &source);
	else
		trimmer_trim(&row->trimmer, snapshot, &source);
}

void top_ask_trim(struct top *top, bool force)
{
	const struct trimmer_context *context = &top->session.trims;
	struct trim_policy policy = *context->policy;
	struct trim_judgement judgement;
	struct snapshot snapshot;
	struct row *row;

	if (!top->view.selected)
		return;
	top->asked = (struct target_name){ .kind = top->view.selected->kind, .pid = top->view.selected->pid };
	strcpy(top->asked.cgroup, top->view.selected->path);
	top->force = force;
	row = sample_asked(top, &snapshot);
	if (!row)
		return;
	top->asked = snapshot.target;
	policy.forced |= force;
	trim_judge_request(&policy, context->action->kind, &snapshot, &judgement);
	if (judgement.decision == TRIM_NOW)
		ask(top, &snapshot, &judgement);
	else
		trim(top, row, &snapshot); /* it is refused, with the reason: nothing is to be confirmed */
}

void top_trim(struct top *top)
{
	struct snapshot snapshot;
	struct row *row = sample_asked(top, &snapshot);

	if (row)
		trim(top, row, &snapshot);
}
