// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/look.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "user/base/units.h"
#include "user/heap/other.h"

/* Less is no finding (user/gap/verdict.c), wherever it is: stacks, the data of libraries. */
#define LITTLE_BYTES (4 << 20)

/* A program that has just begun has its runtime ready in some ms: so often it is waited for. */
#define STARTS 10
#define START_NS 20000000

/* How much of the anonymous memory is not the heap's, where that is little. */
static bool is_little_else(const struct survey *survey)
{
	int64_t else_where = known_sub(survey->rollup.anonymous, survey->view.resident);

	return survey->has_rollup && is_known(else_where) && else_where < LITTLE_BYTES;
}

/* Where it is: smaps takes the time of a walk over all pages once more. */
static void look_for_others(struct look *look)
{
	struct survey *survey = &look->survey;
	struct other_view other;
	const struct other_group *largest = &other.largest;

	survey->other = (struct other_anon){ .bytes = UNKNOWN, .group = UNKNOWN };
	if (is_little_else(survey)) {
		int64_t bytes = survey->rollup.anonymous - survey->view.resident;

		survey->other.bytes = bytes > 0 ? bytes : 0;
		return;
	}
	if (other_read(look->proc_fd, look->pid, survey->heap, &other))
		return;
	survey->other.bytes = other.resident;
	if (largest->kind == OTHER_NONE)
		return;
	survey->other.group = largest->resident;
	survey->other.mappings = (int64_t)largest->count;
	survey->other.mapping_bytes = (int64_t)largest->size;
	snprintf(survey->other.name, sizeof(survey->other.name), "%.63s",
		 largest->kind == OTHER_FILE ? "private pages of files" : largest->name);
}

/*
 * A heap that was in the middle of something leaves the view of before, for some time. What else fails, and what fails again, may be
 * another program's by now: it is found anew the next time.
 */
static void settle_result(struct survey *survey, int result, const char *why)
{
	bool passing = (result == -EAGAIN || result == -ETIME) && survey->has_heap;

	survey->failures = result ? survey->failures + 1 : 0;
	if (result && (!passing || survey->failures >= MAX_FAILURES)) {
		heap_close(survey->heap);
		survey->heap = NULL;
		survey->has_heap = false;
	} else if (!result) {
		survey->has_heap = true;
	}
	survey->walked = !result;
	snprintf(survey->why_not, sizeof(survey->why_not), "%s", why);
}

static void look_into_heap(struct look *look)
{
	struct survey *survey = &look->survey;
	const char *why = NULL;
	int result = 0;

	if (!survey->heap)
		result = heap_open(look->proc_fd, look->pid, &survey->heap, &why);
	if (!result) {
		snprintf(survey->heap_name, sizeof(survey->heap_name), "%s %s", heap_name(survey->heap), heap_versions(survey->heap));
		result = heap_read(survey->heap, &look->budget, &survey->view);
		why = result ? heap_why(result) : "";
	}
	if (!result)
		look_for_others(look);
	settle_result(survey, result, why ? why : "");
}

static void open_go(struct look *look)
{
	struct survey *survey = &look->survey;
	const char *why;
	int result = go_open(look->proc_fd, look->pid, &survey->go, &why);

	for (int i = 0; i < STARTS && result == -EAGAIN; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = START_NS }, NULL);
		result = go_open(look->proc_fd, look->pid, &survey->go, &why);
	}
	if (!result)
		result = go_read(survey->go, &survey->go_view);
	if (result) {
		go_close(survey->go);
		survey->go = NULL;
	} else {
		survey->has_go = true;
		survey->go_failures = 0;
		survey->go_interval = 0;
		look->has_c = go_has_c(survey->go);
	}
	if (result)
		snprintf(survey->why_not, sizeof(survey->why_not), "%s", why);
}

void look_run(void *data)
{
	struct look *look = data;
	struct survey *survey = &look->survey;

	survey->reach = UNKNOWN;
	survey->has_rollup = !smaps_rollup_read(look->proc_fd, look->pid, &survey->rollup);
	if (look->with_go)
		open_go(look);
	/* what is not linked with C has no other heap than Go's */
	if (look->with_heap && (!look->is_go || look->has_c))
		look_into_heap(look);
}
