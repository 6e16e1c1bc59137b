// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <math.h>
#include <time.h>

#include "user/base/units.h"
#include "user/http/metrics.h"
#include "user/output/prometheus.h"

#define MANY 1000

struct scene {
	struct snapshot *snapshots;
	uint64_t *ids;
	struct picture picture;
	struct prometheus_page page;
	char *text;
};

static struct scene scene_make(size_t n)
{
	struct scene scene = { .snapshots = calloc(n, sizeof(struct snapshot)), .ids = calloc(n, sizeof(uint64_t)) };

	for (size_t i = 0; i < n; i++) {
		snapshot_init(&scene.snapshots[i]);
		scene.snapshots[i].elapsed_s = 1.5;
		scene.snapshots[i].target.kind = TARGET_CGROUP;
		scene.snapshots[i].target.processes = 1;
		snprintf(scene.snapshots[i].target.cgroup, TARGET_PATH_MAX, "/t%zu", i);
		scene.ids[i] = i + 1;
	}
	scene.picture = (struct picture){ .number = 1, .n = n, .ids = scene.ids, .snapshots = scene.snapshots };
	scene.page = (struct prometheus_page){
		.max_targets = 1000,
		.self = { .version = "1.2", .cpu_s = 0.25, .resident = 4096, .open_fds = 9, .intervals = 3, .interval_s = 1, .late_s = 0.5,
			  .latest_s = 0.125, .longest_s = 0.25, .requests = 7, .dropped = 2, .connections = 1 },
	};
	return scene;
}

static const char *write_page(struct scene *scene, enum prometheus_format format)
{
	size_t size;
	FILE *stream;

	free(scene->text);
	scene->page.picture = &scene->picture;
	stream = open_memstream(&scene->text, &size);
	prometheus_write(stream, format, &scene->page);
	fclose(stream);
	return scene->text;
}

static void scene_end(struct scene *scene)
{
	free(scene->snapshots);
	free(scene->ids);
	free(scene->text);
}

static int count(const char *text, const char *part)
{
	int n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

#define V "memgap_verdict{cgroup=\"/t0\",verdict="
#define SELF_TEXT                                                                                      \
	"# HELP memgap_build_info memgap itself.\n# TYPE memgap_build_info gauge\n"                    \
	"memgap_build_info{version=\"1.2\"} 1\n"                                                       \
	"# HELP memgap_self_cpu_seconds_total CPU time that memgap has taken.\n"                       \
	"# TYPE memgap_self_cpu_seconds_total counter\nmemgap_self_cpu_seconds_total 0.25\n"           \
	"# HELP memgap_self_resident_bytes memgap's own memory.\n"                                     \
	"# TYPE memgap_self_resident_bytes gauge\nmemgap_self_resident_bytes 4096\n"                   \
	"# HELP memgap_self_open_fds memgap's own file descriptors.\n"                                 \
	"# TYPE memgap_self_open_fds gauge\nmemgap_self_open_fds 9\n"                                  \
	"# HELP memgap_self_intervals_total Intervals that are over.\n"                                \
	"# TYPE memgap_self_intervals_total counter\nmemgap_self_intervals_total 3\n"

static const char expected_text[] =
	"# HELP memgap_watched_seconds Since watching began.\n# TYPE memgap_watched_seconds gauge\n"
	"memgap_watched_seconds{cgroup=\"/t0\"} 1.5\n"
	"# HELP memgap_processes Processes that the figures are the sum of.\n# TYPE memgap_processes gauge\n"
	"memgap_processes{cgroup=\"/t0\"} 1\n"
	"# HELP memgap_alloc_bytes In blocks handed out and not yet freed: their usable sizes.\n# TYPE memgap_alloc_bytes gauge\n"
	"memgap_alloc_bytes{cgroup=\"/t0\"} 1000\n"
	"# HELP memgap_allocated_bytes_total Handed out in all since watching began, freed or not.\n"
	"# TYPE memgap_allocated_bytes_total counter\n"
	"memgap_allocated_bytes_total{cgroup=\"/t0\"} 9223372036854775807\n"
	"# HELP memgap_overhead_ratio Of a core, that the probes cost the target.\n# TYPE memgap_overhead_ratio gauge\n"
	"memgap_overhead_ratio{cgroup=\"/t0\"} 0.025\n"
	"# HELP memgap_alloc_error_bytes By how much memgap_alloc_bytes may be wrong, in 95 of 100 cases; 0: it is exact.\n"
	"# TYPE memgap_alloc_error_bytes gauge\n"
	"memgap_alloc_error_bytes{cgroup=\"/t0\"} 0\n"
	"# HELP memgap_allocated_error_bytes By how much memgap_allocated_bytes_total may be wrong, in 95 of 100 cases; 0: it is exact.\n"
	"# TYPE memgap_allocated_error_bytes gauge\n"
	"memgap_allocated_error_bytes{cgroup=\"/t0\"} 0\n"
	"# HELP memgap_gap_bytes Anonymous memory, swap included, that the allocator does not have in blocks handed out; may be negative.\n"
	"# TYPE memgap_gap_bytes gauge\n"
	"memgap_gap_bytes{cgroup=\"/t0\"} -5\n"
	"# HELP memgap_target_trims_total Trims of the target that were triggered.\n# TYPE memgap_target_trims_total counter\n"
	"memgap_target_trims_total{cgroup=\"/t0\"} 0\n"
	"# HELP memgap_verdict What the gap is: 1 for the verdict that holds, 0 for each other.\n# TYPE memgap_verdict gauge\n"
	V "\"unknown\"} 0\n" V "\"in-use\"} 0\n" V "\"growing\"} 0\n" V "\"retained\"} 1\n"
	V "\"pinned\"} 0\n" V "\"cache\"} 0\n" V "\"other-anon\"} 0\n" V "\"untouched\"} 0\n"
	"# HELP memgap_target_info What a target is, and where its figures come from; id: its cgroup, as cAdvisor has it.\n# TYPE memgap_target_info gauge\n"
	"memgap_target_info{cgroup=\"/t0\",id=\"/t0\",kind=\"cgroup\",source=\"probe\",allocator=\"glibc 2.36\"} 1\n"
	"# HELP memgap_targets Targets of the last interval.\n# TYPE memgap_targets gauge\nmemgap_targets 1\n"
	"# HELP memgap_targets_left_out Of them those that have no series here: beyond --max-targets, or labelled as another.\n"
	"# TYPE memgap_targets_left_out gauge\nmemgap_targets_left_out 0\n"
	"# HELP memgap_trims_total Trims of all targets, by what came of them.\n# TYPE memgap_trims_total counter\n"
	"memgap_trims_total{outcome=\"trimmed\"} 2\nmemgap_trims_total{outcome=\"nothing\"} 0\nmemgap_trims_total{outcome=\"refused\"} 0\n"
	"memgap_trims_total{outcome=\"failed\"} 0\nmemgap_trims_total{outcome=\"dry-run\"} 0\n"
	"# HELP memgap_reclaimed_bytes_total That trims have brought.\n# TYPE memgap_reclaimed_bytes_total counter\n"
	"memgap_reclaimed_bytes_total 77\n"
	SELF_TEXT;

static struct scene one_target(void)
{
	struct scene scene = scene_make(1);
	struct snapshot *snapshot = &scene.snapshots[0];

	snapshot->allocator.source = SOURCE_PROBE;
	strcpy(snapshot->allocator.name, "glibc 2.36");
	snapshot->allocator.alloc = 1000;
	snapshot->allocator.total_alloc = INT64_MAX;
	snapshot->allocator.overhead_percent = 2.5;
	snapshot->gap.bytes = -5;
	snapshot->gap.verdict = VERDICT_RETAINED;
	scene.picture.trims[TRIM_TRIMMED] = 2;
	scene.picture.reclaimed = 77;
	return scene;
}

static void what_is_known_is_there_and_what_is_not_is_absent(void **state)
{
	struct scene scene = one_target();

	(void)state;
	write_page(&scene, PROMETHEUS_TEXT);
	scene.text[strlen(expected_text)] = '\0'; /* the rest is of the same kind */
	assert_string_equal(scene.text, expected_text);
	scene_end(&scene);
}

static void openmetrics_names_families_and_units_and_ends(void **state)
{
	static const char *const parts[] = {
		("# HELP memgap_allocated_bytes Handed out in all since watching began, freed or not.\n# TYPE memgap_allocated_bytes counter\n"
		 "# UNIT memgap_allocated_bytes bytes\nmemgap_allocated_bytes_total{cgroup=\"/t0\"} 9223372036854775807\n"),
		"# TYPE memgap_target info\nmemgap_target_info{cgroup=\"/t0\",id=\"/t0\",kind=\"cgroup\",",
		"# TYPE memgap_overhead_ratio gauge\n# UNIT memgap_overhead_ratio ratio\nmemgap_overhead_ratio{",
		"# TYPE memgap_trims counter\nmemgap_trims_total{outcome=\"trimmed\"} 2\n",
		"# TYPE memgap_build info\nmemgap_build_info{version=\"1.2\"} 1\n",
	};
	struct scene scene = one_target();
	const char *text = write_page(&scene, PROMETHEUS_OPENMETRICS);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		check_row(parts[i], strstr(text, parts[i]));
	assert_int_equal(count(text, "# EOF"), 1);
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	scene_end(&scene);
}

static void figures_are_in_base_units(void **state)
{
	struct scene scene = one_target();
	struct allocator_view *view = &scene.snapshots[0].allocator;
	const char *text;

	(void)state;
	scene.snapshots[0].gap.percent = 12.5;
	scene.snapshots[0].kernel.cgroup.psi_some_avg10 = 50;
	view->growth = (struct growth){ .bytes_per_s = 1.5, .over_s = 10 };
	view->go.pause_total_ns = 1500000;
	view->go.gc_percent = 100;
	text = write_page(&scene, PROMETHEUS_TEXT);
	assert_non_null(strstr(text, "\nmemgap_gap_ratio{cgroup=\"/t0\"} 0.125\n"));
	assert_non_null(strstr(text, "\nmemgap_cgroup_pressure_ratio{cgroup=\"/t0\"} 0.5\n"));
	assert_non_null(strstr(text, "\nmemgap_growth_bytes_per_second{cgroup=\"/t0\"} 1.5\n"));
	assert_non_null(strstr(text, "\nmemgap_go_pause_seconds{cgroup=\"/t0\"} 0.0015\n"));
	assert_non_null(strstr(text, "\nmemgap_go_gogc_ratio{cgroup=\"/t0\"} 1\n"));
	view->go.gc_percent = -1;
	assert_non_null(strstr(write_page(&scene, PROMETHEUS_TEXT), "\nmemgap_go_gogc_ratio{cgroup=\"/t0\"} +Inf\n"));
	scene_end(&scene);
}

static void each_arena_of_a_heap_has_its_own_series(void **state)
{
	struct scene scene = one_target();
	struct heap_figures *heap = &scene.snapshots[0].allocator.heap;
	const char *text;

	(void)state;
	heap->n_shown = 2;
	heap->arena[0] = (struct heap_arena){ 10, 20, 30, 40 };
	heap->arena[1] = (struct heap_arena){ 50, 60, 70, 80 };
	text = write_page(&scene, PROMETHEUS_TEXT);
	assert_non_null(strstr(text, "\nmemgap_heap_arena_sys_bytes{cgroup=\"/t0\",arena=\"0\"} 10\nmemgap_heap_arena_sys_bytes{cgroup=\"/t0\",arena=\"1\"} 50\n"));
	assert_non_null(strstr(text, "\nmemgap_heap_arena_used_bytes{cgroup=\"/t0\",arena=\"0\"} 20\n"));
	assert_non_null(strstr(text, "\nmemgap_heap_arena_resident_free_bytes{cgroup=\"/t0\",arena=\"1\"} 70\n"));
	assert_non_null(strstr(text, "\nmemgap_heap_arena_trimmable_bytes{cgroup=\"/t0\",arena=\"1\"} 80\n"));
	scene_end(&scene);
}

static void labels_are_those_of_cadvisor_and_escaped(void **state)
{
	struct scene scene = scene_make(2);
	struct target_name *name = &scene.snapshots[0].target;
	const char *text;

	(void)state;
	strcpy(name->pod_namespace, "shop");
	strcpy(name->pod, "web-1");
	strcpy(name->cgroup, "/pods/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/x");
	strcpy(name->container, "a\"b\\c\nd");
	scene.snapshots[1].target.kind = TARGET_PROCESS;
	scene.snapshots[1].target.pid = 42;
	scene.snapshots[1].kernel.rss = 4096;
	strcpy(scene.snapshots[1].target.comm, "bad\xff\x1b[31m");
	text = write_page(&scene, PROMETHEUS_TEXT);
	assert_non_null(strstr(text, "\nmemgap_processes{namespace=\"shop\",pod=\"web-1\",container=\"a\\\"b\\\\c?d\",cgroup=\"/pods/0123456789ab/x\"} 1\n"));
	assert_non_null(strstr(text, ",id=\"/pods/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/x\",kind=\"cgroup\""));
	assert_non_null(strstr(text, "\nmemgap_processes{cgroup=\"/t1\",comm=\"bad??[31m\",pid=\"42\"} 1\n"));
	scene_end(&scene);
}

static void labels_that_are_equal_have_the_latest_figures_once(void **state)
{
	struct scene scene = scene_make(3);
	const char *text;

	(void)state;
	strcpy(scene.snapshots[2].target.cgroup, "/t0");
	scene.ids[2] = scene.ids[0];
	scene.snapshots[0].target.processes = 5;
	scene.snapshots[2].target.processes = 6;
	text = write_page(&scene, PROMETHEUS_TEXT);
	assert_int_equal(count(text, "\nmemgap_processes{cgroup=\"/t0\"}"), 1);
	assert_non_null(strstr(text, "\nmemgap_processes{cgroup=\"/t0\"} 6\n"));
	assert_non_null(strstr(text, "\nmemgap_targets 2\n"));
	assert_non_null(strstr(text, "\nmemgap_targets_left_out 0\n"));
	scene_end(&scene);
}

static void of_two_that_cannot_be_told_apart_the_first_has_series_and_the_other_is_counted(void **state)
{
	struct scene scene = scene_make(3);
	const char *text;

	(void)state;
	strcpy(scene.snapshots[0].target.cgroup, "/a\x01");
	strcpy(scene.snapshots[2].target.cgroup, "/a\x02");
	scene.snapshots[0].target.processes = 5;
	scene.snapshots[2].target.processes = 6;
	text = write_page(&scene, PROMETHEUS_TEXT);
	assert_int_equal(count(text, "\nmemgap_processes{cgroup=\"/a?\"}"), 1);
	assert_non_null(strstr(text, "\nmemgap_processes{cgroup=\"/a?\"} 5\n"));
	assert_non_null(strstr(text, "\nmemgap_targets 3\n"));
	assert_non_null(strstr(text, "\nmemgap_targets_left_out 1\n"));
	scene_end(&scene);
}

static void those_that_were_seen_first_have_series_and_the_rest_is_counted(void **state)
{
	struct scene scene = scene_make(5);
	const char *text;

	(void)state;
	scene.ids[0] = 9; /* came last, whatever its place */
	scene.page.max_targets = 2;
	text = write_page(&scene, PROMETHEUS_TEXT);
	assert_int_equal(count(text, "\nmemgap_processes{"), 2);
	assert_non_null(strstr(text, "\nmemgap_processes{cgroup=\"/t1\"}"));
	assert_non_null(strstr(text, "\nmemgap_processes{cgroup=\"/t2\"}"));
	assert_non_null(strstr(text, "\nmemgap_targets 5\n"));
	assert_non_null(strstr(text, "\nmemgap_targets_left_out 3\n"));
	scene_end(&scene);
}

static void a_process_that_has_exited_has_no_series_any_more(void **state)
{
	struct scene scene = scene_make(3);
	const char *text;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		scene.snapshots[i].target.kind = TARGET_PROCESS;
		scene.snapshots[i].target.pid = (pid_t)i + 1;
	}
	scene.snapshots[1].kernel.rss = 0;
	strcpy(scene.snapshots[2].kernel.unreadable, "the status of pid 3");
	text = write_page(&scene, PROMETHEUS_TEXT);
	assert_null(strstr(text, "pid=\"1\""));
	assert_non_null(strstr(text, "pid=\"2\""));
	assert_non_null(strstr(text, "pid=\"3\""));
	assert_non_null(strstr(text, "\nmemgap_targets 2\n"));
	scene_end(&scene);
}

static void no_interval_yet_and_no_target_are_well_formed(void **state)
{
	struct scene scene = scene_make(1);
	size_t size;
	FILE *stream = open_memstream(&scene.text, &size);

	(void)state;
	prometheus_write(stream, PROMETHEUS_TEXT, &scene.page);
	fclose(stream);
	assert_int_equal(strncmp(scene.text, SELF_TEXT, strlen(SELF_TEXT)), 0);
	scene.picture.n = 0;
	assert_non_null(strstr(write_page(&scene, PROMETHEUS_TEXT), "memgap_targets 0\n"));
	assert_null(strstr(scene.text, "memgap_processes"));
	scene_end(&scene);
}

static void fill_all(int64_t *figures, size_t size)
{
	for (size_t i = 0; i < size / sizeof(*figures); i++)
		figures[i] = 123456789012;
}

/* Every figure known, and labels as long as Docker's. */
static void a_thousand_targets_are_written_within_50_ms_and_5_mib(void **state)
{
	struct scene scene = scene_make(MANY);
	struct timespec from, to;
	double ms;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		struct snapshot *snapshot = &scene.snapshots[i];

		snprintf(snapshot->target.cgroup, TARGET_PATH_MAX, "/docker/%064zu", i);
		snprintf(snapshot->target.container, CONTAINER_NAME_MAX, "container-%zu", i);
		fill_all(&snapshot->kernel.rss, offsetof(struct kernel_view, cgroup.psi_some_avg10));
		snapshot->allocator.alloc = snapshot->allocator.sys = snapshot->gap.bytes = 123456789012;
		snapshot->allocator.heap.sys = snapshot->allocator.heap.resident = snapshot->gap.trimmable = snapshot->gap.pinned = 5678901234;
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from); /* whatever else this machine is at */
	write_page(&scene, PROMETHEUS_OPENMETRICS);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
	printf("# %d targets: %.1f ms, %zu bytes\n", MANY, ms, strlen(scene.text));
	assert_int_equal(count(scene.text, "\nmemgap_rss_bytes{"), MANY);
	assert_true(getenv("UNDER") || ms < 50); /* valgrind takes its time */
	assert_true(strlen(scene.text) < 5 << 20);
	scene_end(&scene);
}

static void openmetrics_is_for_those_who_ask_for_it(void **state)
{
	static const struct {
		const char *accept;
		enum prometheus_format format;
	} rows[] = {
		{ "", PROMETHEUS_TEXT }, { "*/*", PROMETHEUS_TEXT }, { "text/plain", PROMETHEUS_TEXT }, { "text/html, */*;q=0.1", PROMETHEUS_TEXT },
		/* Prometheus 2.42, and 3.0 */
		{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  PROMETHEUS_OPENMETRICS },
		{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
		  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", PROMETHEUS_OPENMETRICS },
		{ "text/plain;version=0.0.4;q=0.5, application/openmetrics-text;q=0.4", PROMETHEUS_TEXT },
		{ "application/openmetrics-text; q=0", PROMETHEUS_TEXT }, { "APPLICATION/OpenMetrics-Text", PROMETHEUS_OPENMETRICS },
		{ "application/openmetrics-texts", PROMETHEUS_TEXT }, { ",,;,;q=", PROMETHEUS_TEXT },
	};

	(void)state;
	assert_int_equal(metrics_negotiate(NULL), PROMETHEUS_TEXT);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i].accept, metrics_negotiate(rows[i].accept) == rows[i].format);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_is_there_and_what_is_not_is_absent),
		cmocka_unit_test(openmetrics_names_families_and_units_and_ends),
		cmocka_unit_test(figures_are_in_base_units),
		cmocka_unit_test(each_arena_of_a_heap_has_its_own_series),
		cmocka_unit_test(labels_are_those_of_cadvisor_and_escaped),
		cmocka_unit_test(labels_that_are_equal_have_the_latest_figures_once),
		cmocka_unit_test(of_two_that_cannot_be_told_apart_the_first_has_series_and_the_other_is_counted),
		cmocka_unit_test(those_that_were_seen_first_have_series_and_the_rest_is_counted),
		cmocka_unit_test(a_process_that_has_exited_has_no_series_any_more),
		cmocka_unit_test(no_interval_yet_and_no_target_are_well_formed),
		cmocka_unit_test(a_thousand_targets_are_written_within_50_ms_and_5_mib),
		cmocka_unit_test(openmetrics_is_for_those_who_ask_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
