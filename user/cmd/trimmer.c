// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/trimmer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/units.h"
#include "user/kernel/cgroup.h"
#include "user/kernel/status.h"

void trimmer_init(struct trimmer *trimmer, struct trimmer_context *context)
{
	*trimmer = (struct trimmer){ .context = context, .cgroup_fd = -1, .timer_fd = -1 };
}

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

		if (id->pidfd < 0)
			continue;
		if (!pid_is_alive(trimmer->context->proc_fd, id) ||
		    process_status_read(trimmer->context->proc_fd, id->pid, &status))
			leave_out(trimmer, i);
		else
			sum = is_known(sum) ? sum + status.rss : status.rss;
	}
	return sum;
}

static int64_t read_current(const struct trimmer *trimmer)
{
	struct cgroup_memory memory;

	if (trimmer->cgroup_fd < 0 || cgroup_memory_read(trimmer->cgroup_fd, trimmer->cgroup_version, &memory))
		return UNKNOWN;
	return memory.current;
}

static void close_asked(struct trimmer *trimmer)
{
	for (size_t i = 0; i < trimmer->event.n_pids; i++)
		pid_close(&trimmer->asked[i].id);
	if (trimmer->cgroup_fd >= 0)
		close(trimmer->cgroup_fd);
	trimmer->cgroup_fd = -1;
}

/* Keeps the outcome and prints it. */
static void end(struct trimmer *trimmer)
{
	struct trim_event *event = &trimmer->event;

	trimmer->summary.outcome = event->outcome;
	trimmer->summary.reclaimed = event->reclaimed;
	output_trim_ended(trimmer->context->output, event);
}

void trimmer_finish(struct trimmer *trimmer)
{
	struct trim_event *event = &trimmer->event;
	char back[BYTES_TEXT_MAX];

	if (!trimmer->measuring)
		return;
	loop_remove(trimmer->context->loop, trimmer->watcher);
	close(trimmer->timer_fd);
	measure_take(&trimmer->measure, monotonic_ns(), read_rss(trimmer)); /* notices the exits as well */
	trimmer->measuring = false;
	trimmer->context->running--;
	event->after.current = read_current(trimmer);
	if (trimmer->n_gone == event->n_pids) {
		event->outcome = TRIM_FAILED;
		event->before.rss = UNKNOWN;
		close_asked(trimmer);
		end(trimmer);
		return;
	}
	event->after.rss = trimmer->measure.lowest;
	event->reclaimed = known_sub(event->before.rss, event->after.rss);
	event->took_ms = (double)(trimmer->measure.lowest_ns - trimmer->measure.start_ns) / 1e6;
	if (event->reclaimed > 0) {
		event->outcome = TRIM_TRIMMED;
		trimmer->context->reclaimed += event->reclaimed;
		snprintf(event->why, sizeof(event->why), "%s came back", format_bytes(back, event->reclaimed));
	} else {
		event->outcome = TRIM_NOTHING;
		event->took_ms = (double)(monotonic_ns() - trimmer->measure.start_ns) / 1e6;
		snprintf(event->why, sizeof(event->why), "the resident size did not fall in %.0f ms", event->took_ms);
	}
	close_asked(trimmer);
	end(trimmer);
}

static void measure(void *data)
{
	struct trimmer *trimmer = data;

	timer_take(trimmer->timer_fd);
	if (!measure_take(&trimmer->measure, monotonic_ns(), read_rss(trimmer)))
		return;
	trimmer_finish(trimmer);
	trimmer->context->measured(trimmer->context->data);
}

static void start_measuring(struct trimmer *trimmer)
{
	trimmer->timer_fd = timer_open(MEASURE_PERIOD_NS, MEASURE_PERIOD_NS);
	trimmer->watcher = trimmer->timer_fd < 0 ? NULL :
						   loop_add(trimmer->context->loop, trimmer->timer_fd, measure, trimmer);
	trimmer->measuring = true;
	trimmer->context->running++;
	if (!trimmer->watcher)
		trimmer_finish(trimmer);
}

/* Asks each candidate that expects it; the event's why keeps the last reason of those that do not. */
static enum trim_outcome ask(struct trimmer *trimmer, struct trim_candidate *candidates, size_t n)
{
	struct trim_event *event = &trimmer->event;
	enum trim_outcome outcome = TRIM_REFUSED;
	int64_t asked_rss = 0;

	if (!n)
		snprintf(event->why, sizeof(event->why), "no process is left to ask");
	for (size_t i = 0; i < n; i++) {
		switch (trim_act(trimmer->context->action, trimmer->context->proc_fd, &candidates[i].id, event->why,
				 sizeof(event->why))) {
		case ACT_DONE:
			outcome = TRIM_NOTHING; /* until measured */
			break;
		case ACT_DRY_RUN:
			outcome = TRIM_DRY_RUN;
			break;
		case ACT_FAILED:
			outcome = event->n_pids ? outcome : TRIM_FAILED;
			pid_close(&candidates[i].id);
			continue;
		default:
			pid_close(&candidates[i].id);
			continue;
		}
		event->pids[event->n_pids] = candidates[i].id.pid;
		trimmer->asked[event->n_pids++] = candidates[i];
		asked_rss += candidates[i].rss;
	}
	if (event->n_pids)
		event->before.rss = asked_rss;
	return outcome;
}

/* A refusal is told once, not at each cooldown, unless its reason changes. */
static void tell_refusal(struct trimmer *trimmer)
{
	struct trim_event *event = &trimmer->event;

	event->after.rss = event->before.rss;
	event->after.current = event->before.current;
	if (event->outcome == TRIM_DRY_RUN)
		snprintf(event->why, sizeof(event->why), "dry run: nothing was sent");
	else if (!strcmp(event->why, trimmer->told_why))
		return;
	memcpy(trimmer->told_why, event->why, sizeof(trimmer->told_why));
	output_trim_triggered(trimmer->context->output, event);
	end(trimmer);
}

static void trim(struct trimmer *trimmer, struct trim_candidate *candidates, size_t n)
{
	struct trim_event *event = &trimmer->event;
	uint64_t start_ns = monotonic_ns();

	event->before.current = event->after.current = read_current(trimmer);
	event->outcome = ask(trimmer, candidates, n);
	measure_start(&trimmer->measure, start_ns, event->before.rss);
	if (event->outcome != TRIM_NOTHING) {
		trimmer->summary.outcome = event->outcome;
		tell_refusal(trimmer);
		close_asked(trimmer);
		return;
	}
	trimmer->told_why[0] = '\0';
	trimmer->n_gone = 0;
	trimmer->summary.count++;
	trimmer->context->count++;
	output_trim_triggered(trimmer->context->output, event);
	start_measuring(trimmer);
}

static void tell_unknown(struct trimmer *trimmer, const struct snapshot *snapshot, int64_t value)
{
	char name[TARGET_PATH_MAX];
	const char *metric = metric_name(trimmer->context->policy->metric);

	if (trimmer->told_unknown)
		return;
	trimmer->told_unknown = true;
	format_target(name, sizeof(name), &snapshot->target);
	if (is_known(value))
		log_message("%s: its cgroup has no memory limit, so a threshold in percent means nothing: no trim", name);
	else
		log_message("%s: %s is not known (%s): no trim", name, metric, snapshot->gap.why);
}

void trimmer_look(struct trimmer *trimmer, const struct snapshot *snapshot, int cgroup_version, const struct trim_source *source)
{
	struct trim_candidate candidates[TRIM_PIDS_MAX];
	struct trim_event event = { .now = snapshot->now, .target = snapshot->target, .reclaimed = UNKNOWN,
				    .before = { snapshot->kernel.rss, UNKNOWN } };
	uint64_t now_ns = monotonic_ns();
	enum trim_decision decision;

	if (trimmer->measuring)
		return;
	decision = trim_decide(trimmer->context->policy, snapshot, now_ns, trimmer->last_ns, &event.reason.value,
			       &event.reason.threshold);
	if (decision == TRIM_CANNOT_TELL)
		tell_unknown(trimmer, snapshot, event.reason.value);
	if (decision != TRIM_NOW)
		return;
	event.reason.metric = trimmer->context->policy->metric;
	snprintf(event.action, sizeof(event.action), "%s", trimmer->context->action->text);
	trimmer->event = event;
	trimmer->last_ns = now_ns;
	trimmer->cgroup_fd = source->open_cgroup(source->data);
	trimmer->cgroup_version = cgroup_version;
	trim(trimmer, candidates, source->list(candidates, source->data));
}
