// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/view.h"

#include <stdio.h>
#include <string.h>

#include "user/base/units.h"
#include "user/cmd/interval.h"
#include "user/cmd/targets.h"

static void say_why_not(const struct targets *targets, const struct watched_process *process, struct heap_figures *ret)
{
	const struct survey *survey = &process->survey;
	const char *name = process->allocator.name;

	if (!targets->options->heap)
		ret->why_not[0] = '\0';
	else if (name[0] && strncmp(name, "glibc", strlen("glibc")))
		snprintf(ret->why_not, sizeof(ret->why_not), "the heap of %s is not looked into", name);
	else
		snprintf(ret->why_not, sizeof(ret->why_not), "%s", survey->at_ns ? survey->why_not : "it has not been looked into yet");
}

static void take_survey(const struct targets *targets, const struct watched_process *process, struct process_view *ret)
{
	const struct survey *survey = &process->survey;

	ret->pss = survey->has_rollup ? survey->rollup.pss : UNKNOWN;
	ret->lazyfree = survey->has_rollup ? survey->rollup.lazyfree : UNKNOWN;
	if (!survey->has_heap) {
		ret->heap = (struct heap_figures){ UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, "" };
		say_why_not(targets, process, &ret->heap);
		ret->other = (struct other_anon){ .bytes = UNKNOWN, .group = UNKNOWN };
		return;
	}
	ret->heap = (struct heap_figures){ survey->view.sys, survey->view.resident, survey->view.trimmable, survey->view.pinned, "" };
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

void view_of(const struct targets *targets, const struct watched_process *process, struct process_view *ret)
{
	const struct memgap_process *record = interval_record(targets, process);
	const struct survey *survey = &process->survey;

	*ret = (struct process_view){ .source = SOURCE_NONE, .alloc = UNKNOWN, .baseline = UNKNOWN };
	take_survey(targets, process, ret);
	if (record) {
		ret->source = SOURCE_PROBE;
		/* below 0 for the moment between a subtraction and its correction (bpf/accounting.bpf.h) */
		ret->alloc = record->counters.alloc > 0 ? record->counters.alloc : 0;
		if (record_is_complete(record, process))
			ret->baseline = 0;
		else if (!targets->options->insists)
			add_what_was_before(process, interval_net(targets, process), ret);
	} else if (survey->has_heap && !targets->options->insists) {
		ret->source = SOURCE_HEAP;
		ret->alloc = survey->view.alloc;
		ret->baseline = survey->first_alloc;
		ret->stale = known_sub(reading_held(&process->reading), survey->held);
		ret->stale = is_known(ret->stale) ? ret->stale : 0;
	}
}
