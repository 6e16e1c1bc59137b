// SPDX-License-Identifier: GPL-2.0-only
#include "user/output/prometheus.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/text_stream.h"
#include "user/base/units.h"
#include "user/output/output.h"
#include "user/output/prometheus_figures.h"
#include "user/output/prometheus_writer.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A target, and what its series are known by. */
struct labelled {
	const struct snapshot *snapshot;
	uint64_t id;
	size_t order;       /* in the picture */
	const char *labels;
};

struct page {
	struct prometheus_writer writer;
	struct labelled *targets;
	size_t n;
	size_t left_out;
	char *labels, *info; /* of one target after the other, each with a NUL */
};

/* What may be no UTF-8 becomes text. */
static void add_label(FILE *stream, bool *first, const char *name, const char *value)
{
	char text[TARGET_PATH_MAX];

	snprintf(text, sizeof(text), "%s", value);
	prometheus_label(stream, first, name, text_make_printable(text));
}

/*
 * As cAdvisor calls them. The cgroup tells two of a name apart, in the short form in which memgap shows it everywhere: it is in every line,
 * and a container's id is most of it. A process has its own two besides.
 */
static void write_labels(FILE *stream, const struct snapshot *snapshot)
{
	const struct target_name *name = &snapshot->target;
	char pid[16], cgroup[TARGET_PATH_MAX];
	bool first = true;

	add_label(stream, &first, "namespace", name->pod_namespace);
	add_label(stream, &first, "pod", name->pod);
	add_label(stream, &first, "container", name->container);
	add_label(stream, &first, "cgroup", format_cgroup(cgroup, sizeof(cgroup), name->cgroup));
	if (name->kind == TARGET_PROCESS) {
		snprintf(pid, sizeof(pid), "%d", name->pid);
		add_label(stream, &first, "comm", name->comm);
		add_label(stream, &first, "pid", pid);
	}
}

static void write_info_labels(FILE *stream, const struct snapshot *snapshot)
{
	bool first = true;

	add_label(stream, &first, "id", snapshot->target.cgroup);
	add_label(stream, &first, "kind", snapshot->target.kind == TARGET_PROCESS ? "process" : "cgroup");
	add_label(stream, &first, "source", source_name(snapshot->allocator.source));
	add_label(stream, &first, "allocator", snapshot->allocator.name);
}

/* Of each target; NULL: out of memory. */
static char *write_each(const struct page *page, void (*write)(FILE *stream, const struct snapshot *snapshot))
{
	struct text_stream texts;
	char *all;

	if (text_stream_open(&texts))
		return NULL;
	for (size_t i = 0; i < page->n; i++) {
		write(texts.stream, page->targets[i].snapshot);
		putc_unlocked('\0', texts.stream);
	}
	text_stream_end(&texts, &all, NULL);
	return all;
}

static const char *next_text(const char *text)
{
	return text + strlen(text) + 1;
}

/* The last snapshot of a process that has exited: the kernel has nothing of it any more, not even its cgroup. */
static bool has_exited(const struct snapshot *snapshot)
{
	return snapshot->target.kind == TARGET_PROCESS && !is_known(snapshot->kernel.rss) && !snapshot->kernel.unreadable[0];
}

/* false: out of memory. */
static bool label_all(struct page *page, const struct picture *picture)
{
	const char *labels;

	page->targets = calloc(picture->n + 1, sizeof(*page->targets));
	if (!page->targets)
		return false;
	for (size_t i = 0; i < picture->n; i++)
		if (!has_exited(&picture->snapshots[i]))
			page->targets[page->n++] = (struct labelled){ &picture->snapshots[i], picture->ids[i], i, NULL };
	labels = page->labels = write_each(page, write_labels);
	for (size_t i = 0; labels && i < page->n; i++, labels = next_text(labels))
		page->targets[i].labels = labels;
	return labels != NULL;
}

static int compare_ids(const void *a, const void *b)
{
	const struct labelled *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* By labels; of equal ones that which was seen first, and of that the latest snapshot. */
static int compare_labels(const void *a, const void *b)
{
	const struct labelled *x = a, *y = b;
	int labels = strcmp(x->labels, y->labels), ids = compare_ids(a, b);

	return labels ? labels : ids ? ids : (x->order < y->order) - (x->order > y->order);
}

/* Each set of labels once, then those that were seen first. Two targets have the same where what tells them apart cannot be printed. */
static void choose(struct page *page, const struct picture *picture, size_t max)
{
	size_t kept = 0, targets = 0;
	uint64_t last_id = 0; /* ids are from 1 on */

	if (!label_all(page, picture)) {
		page->n = 0;
		page->left_out = picture->n;
		return;
	}
	qsort(page->targets, page->n, sizeof(*page->targets), compare_labels);
	for (size_t i = 0; i < page->n; i++) {
		bool other = !kept || strcmp(page->targets[i].labels, page->targets[kept - 1].labels);

		targets += other || page->targets[i].id != last_id;
		last_id = page->targets[i].id;
		if (other)
			page->targets[kept++] = page->targets[i];
	}
	qsort(page->targets, kept, sizeof(*page->targets), compare_ids);
	page->n = kept < max ? kept : max;
	page->left_out = targets - page->n;
	page->info = write_each(page, write_info_labels);
	if (page->info)
		return;
	page->left_out += page->n;
	page->n = 0;
}

static void write_figures(struct page *page)
{
	for (size_t i = 0; i < prometheus_figures_n; i++) {
		prometheus_begin(&page->writer, &prometheus_figures[i].family);
		for (size_t j = 0; j < page->n; j++)
			prometheus_figure_write(&page->writer, &prometheus_figures[i], page->targets[j].labels, page->targets[j].snapshot);
	}
}

static void write_growth(struct page *page)
{
	static const struct prometheus_family family = { "memgap_growth_bytes_per_second", PROMETHEUS_GAUGE, "bytes_per_second",
							 "By which memgap_alloc_bytes grows steadily; absent where it does not." };

	prometheus_begin(&page->writer, &family);
	for (size_t i = 0; i < page->n; i++) {
		const struct growth *growth = &page->targets[i].snapshot->allocator.growth;

		prometheus_real(&page->writer, page->targets[i].labels, "", growth->over_s > 0 ? growth->bytes_per_s : NAN);
	}
}

/* OpenMetrics' own type for this wants the label to have the metric's name: for one label in both formats it is a gauge. */
static void write_verdicts(struct page *page)
{
	static const struct prometheus_family family = { "memgap_verdict", PROMETHEUS_GAUGE, NULL,
							 "What the gap is: 1 for the verdict that holds, 0 for each other." };
	char label[64];

	prometheus_begin(&page->writer, &family);
	for (size_t i = 0; i < page->n; i++) {
		for (int verdict = VERDICT_UNKNOWN; verdict <= VERDICT_UNTOUCHED; verdict++) {
			snprintf(label, sizeof(label), "verdict=\"%s\"", verdict_name((enum verdict)verdict));
			prometheus_number(&page->writer, page->targets[i].labels, label,
					  (int)page->targets[i].snapshot->gap.verdict == verdict);
		}
	}
}

static void write_arenas(struct page *page)
{
	static const struct {
		struct prometheus_family family;
		size_t offset;
	} figures[] = {
		{ { "memgap_heap_arena_sys_bytes", PROMETHEUS_GAUGE, "bytes", "That an arena holds from the kernel (glibc; the first 16 of a process)." },
		  offsetof(struct heap_arena, sys) },
		{ { "memgap_heap_arena_used_bytes", PROMETHEUS_GAUGE, "bytes", "Of it in blocks handed out, or in the caches of threads." },
		  offsetof(struct heap_arena, used) },
		{ { "memgap_heap_arena_resident_free_bytes", PROMETHEUS_GAUGE, "bytes", "Of it free and in memory." },
		  offsetof(struct heap_arena, resident_free) },
		{ { "memgap_heap_arena_trimmable_bytes", PROMETHEUS_GAUGE, "bytes", "Of that in whole pages: what a trim would give back." },
		  offsetof(struct heap_arena, trimmable) },
	};
	char label[32];

	for (size_t i = 0; i < COUNT_OF(figures); i++) {
		prometheus_begin(&page->writer, &figures[i].family);
		for (size_t j = 0; j < page->n; j++) {
			const struct heap_figures *heap = &page->targets[j].snapshot->allocator.heap;

			for (size_t k = 0; k < heap->n_shown; k++) {
				snprintf(label, sizeof(label), "arena=\"%zu\"", k);
				prometheus_number(&page->writer, page->targets[j].labels, label,
						  *(const int64_t *)(const void *)((const char *)&heap->arena[k] + figures[i].offset));
			}
		}
	}
}

static void write_info(struct page *page)
{
	static const struct prometheus_family family = { "memgap_target", PROMETHEUS_INFO, NULL, "What a target is, and where its figures come from; id: its cgroup, as cAdvisor has it." };

	const char *info = page->info;

	prometheus_begin(&page->writer, &family);
	for (size_t i = 0; i < page->n; i++, info = next_text(info))
		prometheus_number(&page->writer, page->targets[i].labels, info, 1);
}

static void write_trims(struct prometheus_writer *writer, const struct picture *picture)
{
	static const struct prometheus_family trims = { "memgap_trims", PROMETHEUS_COUNTER, NULL, "Trims of all targets, by what came of them." },
		reclaimed = { "memgap_reclaimed_bytes", PROMETHEUS_COUNTER, "bytes", "That trims have brought." };
	char label[64];

	prometheus_begin(writer, &trims);
	for (int outcome = TRIM_TRIMMED; outcome <= TRIM_DRY_RUN; outcome++) {
		snprintf(label, sizeof(label), "outcome=\"%s\"", outcome_name((enum trim_outcome)outcome));
		prometheus_number(writer, "", label, (int64_t)picture->trims[outcome]);
	}
	prometheus_begin(writer, &reclaimed);
	prometheus_number(writer, "", "", picture->reclaimed);
}

/* A family of one series, without labels. */
static void write_number(struct prometheus_writer *writer, const char *name, enum prometheus_type type, const char *unit, int64_t value, const char *help)
{
	const struct prometheus_family family = { name, type, unit, help };

	prometheus_begin(writer, &family);
	prometheus_number(writer, "", "", value);
}

static void write_seconds(struct prometheus_writer *writer, const char *name, enum prometheus_type type, double value, const char *help)
{
	const struct prometheus_family family = { name, type, "seconds", help };

	prometheus_begin(writer, &family);
	prometheus_real(writer, "", "", value);
}

static void write_self(struct prometheus_writer *writer, const struct prometheus_self *self)
{
	static const struct prometheus_family build = { "memgap_build", PROMETHEUS_INFO, NULL, "memgap itself." };
	char version[128];

	snprintf(version, sizeof(version), "version=\"%s\"", self->version);
	prometheus_begin(writer, &build);
	prometheus_number(writer, "", version, 1);
	write_seconds(writer, "memgap_self_cpu_seconds", PROMETHEUS_COUNTER, self->cpu_s, "CPU time that memgap has taken.");
	write_number(writer, "memgap_self_resident_bytes", PROMETHEUS_GAUGE, "bytes", self->resident, "memgap's own memory.");
	write_number(writer, "memgap_self_open_fds", PROMETHEUS_GAUGE, NULL, self->open_fds, "memgap's own file descriptors.");
	write_number(writer, "memgap_self_intervals", PROMETHEUS_COUNTER, NULL, self->intervals, "Intervals that are over.");
	write_seconds(writer, "memgap_self_interval_seconds", PROMETHEUS_GAUGE, self->interval_s, "How long an interval is meant to be.");
	write_seconds(writer, "memgap_self_late_seconds", PROMETHEUS_COUNTER, self->late_s, "By which intervals were longer than that, all together.");
	write_seconds(writer, "memgap_self_latest_delay_seconds", PROMETHEUS_GAUGE, self->latest_s, "By which the last interval was longer.");
	write_seconds(writer, "memgap_self_longest_delay_seconds", PROMETHEUS_GAUGE, self->longest_s, "By which the longest interval was longer.");
	write_number(writer, "memgap_self_http_requests", PROMETHEUS_COUNTER, NULL, self->requests, "HTTP requests that were answered.");
	write_number(writer, "memgap_self_http_dropped", PROMETHEUS_COUNTER, NULL, self->dropped,
		     "HTTP connections that were ended: slow, idle for too long, or too many.");
	write_number(writer, "memgap_self_http_connections", PROMETHEUS_GAUGE, NULL, self->connections, "HTTP connections.");
}

void prometheus_write(FILE *stream, enum prometheus_format format, const struct prometheus_page *source)
{
	struct page page = { .writer = { .stream = stream, .format = format } };

	if (source->picture) {
		choose(&page, source->picture, source->max_targets);
		write_figures(&page);
		write_growth(&page);
		write_verdicts(&page);
		write_arenas(&page);
		write_info(&page);
		write_number(&page.writer, "memgap_targets", PROMETHEUS_GAUGE, NULL, (int64_t)(page.n + page.left_out),
			     "Targets of the last interval.");
		write_number(&page.writer, "memgap_targets_left_out", PROMETHEUS_GAUGE, NULL, (int64_t)page.left_out,
			     "Of them those that have no series here: beyond --max-targets, or labelled as another.");
		write_trims(&page.writer, source->picture);
	}
	write_self(&page.writer, &source->self);
	prometheus_end(&page.writer);
	free(page.targets);
	free(page.labels);
	free(page.info);
}
