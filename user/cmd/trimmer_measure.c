// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/cmd/regrowth.h"
#include "user/cmd/trim_log.h"
#include "user/cmd/trimmer_parts.h"
#include "user/kernel/cgroup.h"
#include "user/kernel/status.h"

/* What an exit gives back is no effect of the trim: the process is taken out of the measurement. */
static void leave_out(struct trimmer *trimmer, size_t i)
{
	struct trim_event *event = &trimmer->event;

	pid_close(&trimmer->asked[i].id);
	trimmer->n_gone++;
	event->before.rss = known_sub(event->before.rss, trimmer->asked[i].rss);
	measure_start(&trimmer->measure, trimmer->measure.start_ns, event->before.rss);
	snprintf(event->why, sizeof(event->why), "pid %d has exited", trimmer->asked[i].id.pid);
}

/* Resident bytes of those that were asked; UNKNOWN when all of them are gone. */
static int64_t read_rss(struct trimmer *trimmer)
{
	int64_t sum = UNKNOWN;

	for (size_t i = 0; i < trimmer->event.n_pids; i++) {
		const struct pid_identity *id = &trimmer->asked[i].id;
		struct process_status status;

		int result;

		if (id->pidfd < 0)
			continue;
		result = pid_is_alive(trimmer->context->proc_fd, id) ? process_status_read(trimmer->context->proc_fd, id->pid, &status) : -ESRCH;
		if (fs_is_short(result))
			return trimmer->measure.lowest; /* as if nothing had changed since: the next reading tells */
		if (result)
			leave_out(trimmer, i);
		else
			sum = is_known(sum) ? sum + status.rss : status.rss;
	}
	trimmer->any_read = true;
	return sum;
}

int64_t trimmer_read_current(const struct trimmer *trimmer)
{
	return trimmer->cgroup_fd < 0 ? UNKNOWN : cgroup_current_read(trimmer->cgroup_fd, trimmer->cgroup_version);
}

void trimmer_tell_end(struct trimmer *trimmer)
{
	struct trim_event *event = &trimmer->event;

	for (size_t i = 0; i < event->n_pids; i++)
		pid_close(&trimmer->asked[i].id);
	output_trim_ended(trimmer->context->output, event);
	trim_log_event(trimmer->context->log, event);
}

static void keep_outcome(struct trimmer *trimmer)
{
	const struct trim_event *event = &trimmer->event;

	trimmer->summary.outcome = event->outcome;
	trimmer->summary.reclaimed = event->reclaimed;
	if (event->outcome == TRIM_TRIMMED)
		trimmer->context->reclaimed += event->reclaimed;
	if (event->outcome == TRIM_TRIMMED || event->outcome == TRIM_NOTHING)
		regrowth_watch(trimmer->context->regrowth, event, trimmer->asked, trimmer->cgroup_fd, trimmer->cgroup_version);
	trimmer_tell_end(trimmer);
}

/* What was done is told, what it brought is not known. */
static void tell_unmeasured(struct trim_event *event, const char *why)
{
	snprintf(event->why, sizeof(event->why), "it could not be measured: %s", why);
	event->outcome = TRIM_FAILED;
}

static void say_what_came_back(struct trimmer *trimmer)
{
	struct trim_event *event = &trimmer->event;
	char back[BYTES_TEXT_MAX];

	if (event->reclaimed > 0) {
		event->outcome = TRIM_TRIMMED;
		event->took_ms = (double)(trimmer->measure.lowest_ns - trimmer->start_ns) / 1e6;
		snprintf(event->why, sizeof(event->why), "%s came back", format_bytes(back, event->reclaimed));
	} else {
		event->outcome = TRIM_NOTHING;
		event->took_ms = (double)(monotonic_ns() - trimmer->start_ns) / 1e6;
		snprintf(event->why, sizeof(event->why), "the resident size did not fall in %.0f ms", event->took_ms);
	}
}

void trimmer_end_measure(struct trimmer *trimmer)
{
	struct trim_event *event = &trimmer->event;

	if (trimmer->timer_fd < 0)
		return;
	loop_remove(trimmer->context->loop, trimmer->watcher);
	close(trimmer->timer_fd);
	trimmer->timer_fd = -1;
	measure_take(&trimmer->measure, monotonic_ns(), read_rss(trimmer)); /* notices the exits as well */
	event->after.current = trimmer_read_current(trimmer);
	if (trimmer->n_gone == event->n_pids) {
		event->outcome = TRIM_FAILED;
		event->before.rss = UNKNOWN;
	} else if (!trimmer->any_read) {
		tell_unmeasured(event, "out of descriptors or memory");
	} else {
		event->after.rss = trimmer->measure.lowest;
		event->reclaimed = known_sub(event->before.rss, event->after.rss);
		say_what_came_back(trimmer);
	}
	keep_outcome(trimmer);
}

static void measure(void *data)
{
	struct trimmer *trimmer = data;

	timer_take(trimmer->timer_fd);
	if (!measure_take(&trimmer->measure, monotonic_ns(), read_rss(trimmer)))
		return;
	trimmer_end_measure(trimmer);
	trimmer_go_on(trimmer);
	trimmer->context->measured(trimmer->context->data);
}

void trimmer_measure(struct trimmer *trimmer)
{
	measure_start(&trimmer->measure, monotonic_ns(), trimmer->event.before.rss);
	trimmer->any_read = false;
	trimmer->timer_fd = timer_open(MEASURE_PERIOD_NS, MEASURE_PERIOD_NS);
	trimmer->watcher = trimmer->timer_fd < 0 ? NULL :
						   loop_add(trimmer->context->loop, trimmer->timer_fd, measure, trimmer);
	if (trimmer->watcher)
		return;
	if (trimmer->timer_fd >= 0)
		close(trimmer->timer_fd);
	trimmer->timer_fd = -1;
	tell_unmeasured(&trimmer->event, "out of file descriptors");
	keep_outcome(trimmer);
	trimmer_go_on(trimmer);
}

static void end_background(struct trimmer *trimmer)
{
	keep_outcome(trimmer);
	trimmer_go_on(trimmer);
	trimmer->context->measured(trimmer->context->data);
}

void trimmer_begins(struct trimmer *trimmer)
{
	trimmer->event.before.current = trimmer_read_current(trimmer);
	trimmer->start_ns = monotonic_ns();
}

void trimmer_reclaimed(struct trimmer *trimmer, int result, const char *why)
{
	struct trim_event *event = &trimmer->event;

	event->after.current = trimmer_read_current(trimmer);
	event->reclaimed = known_sub(event->before.current, event->after.current);
	event->took_ms = (double)(monotonic_ns() - trimmer->start_ns) / 1e6;
	if (result)
		event->outcome = TRIM_FAILED;
	else
		event->outcome = is_known(event->reclaimed) && event->reclaimed > 0 ? TRIM_TRIMMED : TRIM_NOTHING;
	snprintf(event->why, sizeof(event->why), "%s",
		 event->outcome == TRIM_NOTHING && !*why ? "what the cgroup is charged did not fall" : why);
	end_background(trimmer);
}

void trimmer_executed(struct trimmer *trimmer, bool well, const char *why)
{
	struct trim_event *event = &trimmer->event;

	if (well && event->n_pids) {
		trimmer_measure(trimmer);
		/* it could not be begun: nothing else would tell who waits for its end */
		if (trimmer->timer_fd < 0)
			trimmer->context->measured(trimmer->context->data);
		return;
	}
	if (well) {
		trimmer_reclaimed(trimmer, 0, why); /* nobody is in the cgroup: what it is charged tells */
		return;
	}
	event->outcome = TRIM_FAILED;
	event->took_ms = (double)(monotonic_ns() - trimmer->start_ns) / 1e6;
	snprintf(event->why, sizeof(event->why), "%s", why);
	end_background(trimmer);
}
