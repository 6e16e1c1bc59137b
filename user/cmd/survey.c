// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/survey.h"

#include <stdlib.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/cmd/interval.h"
#include "user/cmd/targets.h"

/* A change that makes a look due earlier. */
#define CHANGE_BYTES (512 << 10)
#define CHANGE_PART 32

void survey_init(struct survey *survey)
{
	*survey = (struct survey){ .other = { .bytes = UNKNOWN, .group = UNKNOWN }, .before = UNKNOWN, .net = UNKNOWN, .first_alloc = UNKNOWN,
				    .reach = UNKNOWN };
}

void survey_close(struct survey *survey)
{
	heap_close(survey->heap);
	survey->heap = NULL;
	go_close(survey->go);
	survey->go = NULL;
}

void survey_forget(struct survey *survey)
{
	unsigned int generation = survey->generation;
	bool running = survey->running;

	survey_close(survey);
	survey_init(survey);
	survey->running = running;
	survey->generation = generation + 1;
}

int survey_is_go(const struct targets *targets, struct watched_process *process)
{
	struct survey *survey = &process->survey;

	if (survey->language == GO_NOT_ASKED) {
		int result = go_is(targets->proc_fd, process->id.pid);

		if (fs_is_short(result))
			return result;
		survey->language = result ? GO_NOT : GO_PROGRAM;
	}
	return survey->language == GO_PROGRAM;
}

const struct go_view *survey_go(const struct targets *targets, struct watched_process *process)
{
	struct survey *survey = &process->survey;

	/* one that changes too fast to be read has the figures of before; while it is not open, those of the last look */
	if (survey->go && survey->go_interval != targets->interval.number) {
		survey->go_interval = targets->interval.number;
		survey->go_failures = go_read(survey->go, &survey->go_view) ? survey->go_failures + 1 : 0;
	}
	/* it may run another program by now: the next look finds out; until then it is as it was */
	if (survey->go_failures >= MAX_FAILURES) {
		go_close(survey->go);
		survey->go = NULL;
		survey->go_failures = 0;
		survey->language = GO_NOT_ASKED;
		survey->at_ns = 0;
	}
	return survey->has_go ? &survey->go_view : NULL;
}

int64_t survey_grown(struct survey *survey, uint64_t interval)
{
	struct heap_head head;
	int64_t grown;

	/* while it is being walked through, the last glance has to do */
	if (survey->glanced != interval && survey->heap && !heap_glance(survey->heap, &head)) {
		survey->glanced = interval;
		survey->reach = head.reach;
		survey->view.sys = head.sys;
	}
	grown = known_sub(survey->reach, survey->view.reach);
	return is_known(grown) ? grown : 0;
}

static bool has_changed(int64_t now, int64_t before)
{
	int64_t part = before / CHANGE_PART;

	return is_known(now) && is_known(before) && llabs(now - before) > (part > CHANGE_BYTES ? part : CHANGE_BYTES);
}

bool survey_is_behind(const struct targets *targets, const struct watched_process *process)
{
	const struct survey *survey = &process->survey;

	return has_changed(reading_held(&process->reading), survey->held) || has_changed(interval_net(targets, process), survey->net);
}
