// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/view.h"

#include <stdio.h>
#include <string.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/cmd/interval.h"
#include "user/cmd/targets.h"

static void say_why_not(const struct targets *targets, const struct watched_process *process, struct heap_figures *ret)
{
	const struct survey *survey = &process->survey;
	const char *name = process->allocator.name;

	if (!targets->options->heap && targets->options->go && survey->language == GO_NOT)
		snprintf(ret->why_not, sizeof(ret->why_not), "it is no Go program");
	else if (!targets->options->heap && !targets->options->go)
		ret->why_not[0] = '\0';
	else if (!strncmp(name, "jemalloc", strlen("jemalloc")) || !strncmp(name, "tcmalloc", strlen("tcmalloc")))
		snprintf(ret->why_not, sizeof(ret->why_not), "the heap of %s is not looked into", name);
	else
		snprintf(ret->why_not, sizeof(ret->why_not), "%s", survey->at_ns ? survey->why_not : "it has not been looked into yet");
}

static struct heap_figures figures_of(const struct survey *survey)
{
	const struct heap_view *view = &survey->view;
	struct heap_figures figures = {
		.sys = view->sys,
		.resident = view->resident,
		.trimmable = view->trimmable,
		.pinned = view->pinned,
		.mmapped = view->mmapped,
		.cached = view->cached,
		.arenas = view->arenas,
		.n_shown = view->arenas < HEAP_ARENAS_SHOWN ? view->arenas : HEAP_ARENAS_SHOWN,
		.age_s = (double)(monotonic_ns() - survey->at_ns) / 1e9,
	};

	memcpy(figures.arena, view->arena, figures.n_shown * sizeof(figures.arena[0]));
	return figures;
}

static void take_survey(const struct targets *targets, const struct watched_process *process, struct process_view *ret)
{
	const struct survey *survey = &process->survey;

	ret->pss = survey->has_rollup ? survey->rollup.pss : UNKNOWN;
	ret->lazyfree = survey->has_rollup ? survey->rollup.lazyfree : UNKNOWN;
	if (!survey->has_heap) {
		ret->heap = no_heap_figures;
		say_why_not(targets, process, &ret->heap);
		ret->other = (struct other_anon){ .bytes = UNKNOWN, .group = UNKNOWN };
		return;
	}
	ret->heap = figures_of(survey);
	ret->other = survey->other;
}

/* What was there before is counted when it is freed, too. */
static void add_what_was_before(const struct watched_process *process, int64_t net, struct process_view *ret)
{
	const struct survey *survey = &process->survey;

	if (!is_known(survey->before))
		return;
	ret->baseline = survey->before > 0 ? survey->before : 0;
	ret->alloc = net + survey->before > 0 ? net + survey->before : 0;
}

/* alloc goes with what the headers tell; the gap is that of the last walk. */
static void take_heap(const struct targets *targets, struct watched_process *process, struct process_view *ret)
{
	struct survey *survey = &process->survey;
	/* where no page came or went, no top has moved far */
	bool looks = process->own || process->reading.change != ACTIVITY_SAME;
	int64_t grown = survey_grown(survey, looks ? targets->interval.number : survey->glanced);

	grown = survey->view.alloc + grown > 0 ? grown : -survey->view.alloc;
	ret->source = SOURCE_HEAP;
	ret->alloc = survey->view.alloc + grown;
	ret->baseline = survey->first_alloc;
	ret->stale = known_sub(reading_held(&process->reading), survey->held);
	ret->stale = is_known(ret->stale) ? ret->stale - grown : 0;
}

/* The heap that was found is that of the allocator that is probed, not of another one in the same program: "glibc 2.36", "glibc 2.35 to 2.42". */
static bool has_its_heap(const struct watched_process *process)
{
	const char *probed = process->allocator.name, *found = process->survey.heap_name;
	size_t length = strcspn(probed, " ");

	return process->survey.has_heap && !strncmp(probed, found, length) && found[length] == ' ';
}

/* One that may be wrong by more than what would be a finding (user/gap/verdict.c) tells nothing. */
#define ERROR_PART 5

static void take_estimate(const struct watched_process *process, int64_t alloc, struct process_view *ret)
{
	int64_t error = holes_error_of_net(&process->governed.holes), held = reading_held(&process->reading);

	ret->source = SOURCE_PROBE;
	ret->baseline = process->governed.baseline;
	if (!is_known(held) || !is_known(error) || error > held / ERROR_PART) {
		snprintf(ret->heap.why_not, sizeof(ret->heap.why_not),
			 "it allocates too much to be counted all the time, and samples do not tell what is live");
		return;
	}
	ret->alloc = alloc > 0 ? alloc : 0;
	ret->error = error;
}

/* While the probes were away, something else tells what is live; if nothing does, what was seen of it in windows. */
static void take_what_is_left(const struct targets *targets, struct watched_process *process, const struct memgap_process *record, struct process_view *ret)
{
	const struct governed *governed = &process->governed;
	struct counts now = counts_of(&record->counters), filled;

	if (has_its_heap(process) && !targets->options->insists) {
		take_heap(targets, process, ret);
		/* a walk of before says less than what was counted until then */
		if (process->survey.at_ns < governed->first_gone_ns && is_known(governed->alloc))
			ret->alloc = governed->alloc;
		if (is_known(governed->baseline))
			ret->baseline = governed->baseline;
		return;
	}
	filled = holes_fill(&governed->holes, &now);
	take_estimate(process, (is_known(governed->alloc) ? governed->alloc : 0) + filled.net - governed->net, ret);
}

static void take_counted(const struct targets *targets, const struct watched_process *process, const struct memgap_process *record,
			 struct process_view *ret)
{
	ret->source = SOURCE_PROBE;
	/* below 0 for the moment between a subtraction and its correction (bpf/accounting.bpf.h) */
	ret->alloc = record->counters.alloc > 0 ? record->counters.alloc : 0;
	if (record_is_complete(record, process))
		ret->baseline = 0;
	else if (!targets->options->insists)
		add_what_was_before(process, memgap_net(&record->counters), ret);
	/* after a hole that is what was not counted as well */
	if (process->governed.holes.any)
		ret->baseline = is_known(process->governed.baseline) ? process->governed.baseline : process->survey.first_alloc;
}

static int64_t not_negative(int64_t bytes)
{
	return bytes > 0 ? bytes : 0;
}

static int64_t known_or_0(int64_t bytes)
{
	return is_known(bytes) ? bytes : 0;
}

static void take_go_figures(const struct go_view *go, struct go_figures *ret)
{
	*ret = (struct go_figures){
		.alloc = go->alloc,
		.heap_in_use = go->heap_in_use,
		.heap_idle = go->heap_idle_kept,
		.heap_released = go->heap_released,
		.num_gc = go->num_gc,
		.pause_total_ns = go->pause_total_ns,
		.gc_percent = go->gc_percent,
		.memory_limit = go->memory_limit,
	};
}

/* What is held and is neither Go's heap nor C's: most of it goroutines' stacks and the runtime's own data, if there is much. */
static void take_other_of_go(const struct go_view *go, int64_t held, int64_t c_resident, struct other_anon *ret)
{
	int64_t own = go->sys - go->heap_released - go->heap_in_use - go->heap_idle_kept;
	int64_t bytes = not_negative(held - go->heap_in_use - go->heap_idle_kept - c_resident);

	*ret = (struct other_anon){ .bytes = bytes, .group = own < bytes ? own : bytes, .mappings = 1, .mapping_bytes = own,
				    .name = "goroutines' stacks and the Go runtime's own data" };
}

/* The sum of both heaps, where the program has C's as well: that one, as the last walk has found it. */
static void take_go(struct watched_process *process, const struct go_view *go, const struct memgap_process *record,
		    struct process_view *ret)
{
	struct survey *survey = &process->survey;
	bool has_c = survey->has_heap;
	int64_t held = known_or_0(reading_held(&process->reading)), c_resident = has_c ? known_or_0(survey->view.resident) : 0;

	ret->source = SOURCE_GO;
	ret->alloc = go->alloc + (has_c ? survey->view.alloc : 0);
	/* of C's it is known what was live, thus handed out at least */
	if (has_c && survey->view.alloc > survey->c_most)
		survey->c_most = survey->view.alloc;
	survey->go_total = go->total_alloc + (record ? 0 : survey->c_most);
	/* what probes have counted of C, its cgroup has already */
	ret->go_total = survey->go_total - survey->go_settled;
	ret->total_alloc = survey->go_total + (record ? (int64_t)record->counters.total_alloc : 0);
	ret->sys = go->sys + (has_c ? survey->view.sys : 0);
	ret->baseline = 0; /* its own account goes back to its start */
	ret->heap.resident = UNKNOWN; /* of Go's heap, the runtime does not say */
	if (!has_c)
		ret->heap = no_heap_figures;
	ret->heap.trimmable = known_add(go->heap_idle_kept, has_c ? survey->view.trimmable : 0);
	ret->heap.pinned = known_add(not_negative(go->heap_in_use - go->alloc), has_c ? survey->view.pinned : 0);
	ret->heap.why_not[0] = '\0';
	take_other_of_go(go, held, c_resident, &ret->other);
	take_go_figures(go, &ret->go);
}

void view_of_record(const struct targets *targets, struct watched_process *process, const struct memgap_process *record,
		    struct process_view *ret)
{
	const struct governed *governed = &process->governed;
	const struct go_view *go = survey_go(targets, process);

	*ret = (struct process_view){ .source = SOURCE_NONE, .alloc = UNKNOWN, .baseline = UNKNOWN, .total_alloc = UNKNOWN,
				      .sys = UNKNOWN, .go = no_go_figures };
	ret->awaited = !process->survey.at_ns && (targets->options->heap || targets->options->go);
	ret->behind = process->survey.has_heap && survey_is_behind(targets, process);
	take_survey(targets, process, ret);
	if (go)
		take_go(process, go, record, ret);
	/* what is in C's heap is not what a Go program has allocated */
	if (go || process->survey.language == GO_PROGRAM)
		return;
	if (!record) {
		if (process->survey.has_heap && !targets->options->insists)
			take_heap(targets, process, ret);
		return;
	}
	/* once they are back for good, one walk tells what was there before */
	if (governed->holes.any && (targets->options->insists || !governed_is_on(governed) || !is_known(process->survey.before)))
		take_what_is_left(targets, process, record, ret);
	else if (process->allocator.remembered && !record_is_complete(record, process) && has_its_heap(process) && !targets->options->insists)
		take_heap(targets, process, ret); /* what was there before is not counted when it is freed */
	else
		take_counted(targets, process, record, ret);
}

void view_of(const struct targets *targets, struct watched_process *process, struct process_view *ret)
{
	view_of_record(targets, process, interval_record(targets, process), ret);
}
