// SPDX-License-Identifier: GPL-2.0-only
/* What is read in an interval is read once: the files change below it, and the figures stay until the next. */
#include "tests/unit/helpers.h"

#include "user/base/units.h"
#include "user/cmd/interval.h"
#include "user/cmd/targets.h"

#define KIB 1024LL

static const struct watch_options options;

struct fixture {
	struct tree tree;
	struct targets targets;
	struct watched_process *processes[256];
	struct watched_cgroup *cgroups[64];
};

static void set_rss(const struct fixture *fixture, pid_t pid, int kib)
{
	char path[32], text[128];

	snprintf(path, sizeof(path), "%d/status", pid);
	snprintf(text, sizeof(text), "VmRSS:\t%d kB\nRssAnon:\t%d kB\nVmData:\t%d kB\nVmSwap:\t0 kB\n", kib, 2 * kib, 3 * kib);
	tree_write(&fixture->tree, path, text);
}

static void set_cgroup(const struct fixture *fixture, pid_t pid, const char *cgroup)
{
	char path[32], text[128];

	snprintf(path, sizeof(path), "%d/cgroup", pid);
	snprintf(text, sizeof(text), "0::%s\n", cgroup);
	tree_write(&fixture->tree, path, text);
}

/* The tree is both /proc and the cgroups' mount. */
static struct fixture *fixture_make(struct watched_cgroup *cgroups, size_t n_cgroups, struct watched_process *processes, size_t n)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->tree = tree_make();
	fixture->targets = (struct targets){ .options = &options, .proc_fd = fixture->tree.fd, .hierarchy = { .version = 2, .fd = fixture->tree.fd },
					     .processes = fixture->processes, .n_processes = n,
					     .cgroups = fixture->cgroups, .n_cgroups = n_cgroups };
	for (size_t i = 0; i < n_cgroups; i++)
		fixture->cgroups[i] = &cgroups[i];
	for (size_t i = 0; i < n; i++) {
		char name[16];

		processes[i].id.pid = (pid_t)i + 1;
		fixture->processes[i] = &processes[i];
		snprintf(name, sizeof(name), "%zu", i + 1);
		tree_mkdir(&fixture->tree, name);
		set_rss(fixture, (pid_t)i + 1, 10);
	}
	interval_begin(&fixture->targets);
	return fixture;
}

static void fixture_free(struct fixture *fixture)
{
	tree_remove(&fixture->tree);
	free(fixture);
}

static int64_t rss_of(struct fixture *fixture, const struct watched_cgroup *cgroup)
{
	return interval_members(&fixture->targets, cgroup)->status.rss;
}

static void a_process_is_in_the_sums_of_its_cgroup_and_of_those_above(void **state)
{
	struct watched_cgroup cgroups[] = { { .slot = 1 }, { .slot = 2, .parent = &cgroups[0] }, { .slot = 3, .parent = &cgroups[1] },
					    { .slot = 4 } };
	struct watched_process processes[] = { { .cgroup = &cgroups[0] }, { .cgroup = &cgroups[1] }, { .cgroup = &cgroups[2] },
					       { .cgroup = &cgroups[2] }, { .cgroup = NULL } };
	struct fixture *fixture = fixture_make(cgroups, COUNT_OF(cgroups), processes, COUNT_OF(processes));
	static const int expected[] = { 4, 3, 2, 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cgroups); i++) {
		const struct members *members = interval_members(&fixture->targets, &cgroups[i]);

		assert_int_equal(members->processes, expected[i]);
		assert_int_equal(members->status.rss, expected[i] * 10 * KIB);
		assert_int_equal(members->status.rss_anon, expected[i] * 20 * KIB);
		assert_int_equal(members->status.data, expected[i] * 30 * KIB);
	}
	/* without probes, and not looked into, none has an allocator view: what it holds is not explained */
	assert_int_equal(interval_members(&fixture->targets, &cgroups[0])->unseen, 4 * 20 * KIB);
	assert_non_null(interval_members(&fixture->targets, &cgroups[0])->most_unseen);
	assert_null(interval_members(&fixture->targets, &cgroups[3])->most_unseen);
	fixture_free(fixture);
}

static void one_unknown_figure_makes_that_sum_unknown_and_one_that_is_gone_is_left_out(void **state)
{
	struct watched_cgroup cgroup = { .slot = 1 };
	struct watched_process processes[] = { { .cgroup = &cgroup }, { .cgroup = &cgroup }, { .cgroup = &cgroup } };
	struct fixture *fixture = fixture_make(&cgroup, 1, processes, COUNT_OF(processes));
	const struct members *members;

	(void)state;
	tree_write(&fixture->tree, "2/status", "VmRSS:\t5 kB\n");
	tree_write(&fixture->tree, "3/status", "State:\tZ (zombie)\n");
	members = interval_members(&fixture->targets, &cgroup);
	assert_int_equal(members->processes, 2);
	assert_int_equal(members->status.rss, 15 * KIB);
	assert_true(members->status.rss_anon == UNKNOWN);
	assert_true(members->status.swap == UNKNOWN);
	assert_null(interval_status(&fixture->targets, &processes[2]));
	fixture_free(fixture);
}

static void a_process_is_read_once_an_interval_whoever_asks(void **state)
{
	struct watched_cgroup cgroups[] = { { .slot = 1 }, { .slot = 2, .parent = &cgroups[0] } };
	struct watched_process processes[] = { { .cgroup = &cgroups[1] }, { .cgroup = &cgroups[1] } };
	struct fixture *fixture = fixture_make(cgroups, COUNT_OF(cgroups), processes, COUNT_OF(processes));

	(void)state;
	assert_int_equal(interval_status(&fixture->targets, &processes[0])->rss, 10 * KIB);
	set_rss(fixture, 1, 50);
	assert_int_equal(rss_of(fixture, &cgroups[0]), 20 * KIB);
	set_rss(fixture, 2, 60);
	assert_int_equal(rss_of(fixture, &cgroups[1]), 20 * KIB);
	assert_int_equal(interval_status(&fixture->targets, &processes[1])->rss, 10 * KIB);
	interval_begin(&fixture->targets);
	assert_int_equal(rss_of(fixture, &cgroups[1]), 110 * KIB);
	assert_int_equal(rss_of(fixture, &cgroups[0]), 110 * KIB);
	fixture_free(fixture);
}

/* The files are gone after the first sum: whatever would be read again would be missing in the others. */
static void the_sums_of_many_cgroups_take_one_reading_of_each_process(void **state)
{
	struct watched_cgroup cgroups[50] = { { .slot = 1 } };
	struct watched_process processes[250] = { { .own = false } };
	struct fixture *fixture;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(processes); i++)
		processes[i].cgroup = &cgroups[i % COUNT_OF(cgroups)];
	fixture = fixture_make(cgroups, COUNT_OF(cgroups), processes, COUNT_OF(processes));
	assert_int_equal(rss_of(fixture, &cgroups[0]), 50 * KIB);
	tree_remove(&fixture->tree);
	fixture->tree = tree_make();
	fixture->targets.proc_fd = fixture->tree.fd;
	for (size_t i = 0; i < COUNT_OF(cgroups); i++)
		assert_int_equal(rss_of(fixture, &cgroups[i]), 50 * KIB);
	interval_begin(&fixture->targets);
	for (size_t i = 0; i < COUNT_OF(cgroups); i++)
		assert_int_equal(rss_of(fixture, &cgroups[i]), 0);
	fixture_free(fixture);
}

static void one_that_exits_between_two_intervals_is_read_again_and_it_alone(void **state)
{
	struct watched_cgroup cgroup = { .slot = 1 };
	struct watched_process processes[] = { { .cgroup = &cgroup }, { .cgroup = &cgroup } };
	struct fixture *fixture = fixture_make(&cgroup, 1, processes, COUNT_OF(processes));

	(void)state;
	assert_int_equal(rss_of(fixture, &cgroup), 20 * KIB);
	set_rss(fixture, 1, 50);
	tree_write(&fixture->tree, "2/status", "State:\tZ (zombie)\n");
	interval_read_again(&fixture->targets, &processes[1]);
	assert_null(interval_status(&fixture->targets, &processes[1]));
	assert_int_equal(rss_of(fixture, &cgroup), 10 * KIB);
	fixture_free(fixture);
}

static void a_cgroup_that_processes_share_is_read_once_an_interval(void **state)
{
	struct watched_process processes[3] = { { .own = true }, { .own = true }, { .own = true } };
	struct fixture *fixture = fixture_make(NULL, 0, processes, COUNT_OF(processes));
	const struct home *home;

	(void)state;
	tree_mkdir(&fixture->tree, "a");
	tree_write(&fixture->tree, "a/cgroup.procs", "1\n2\n");
	tree_write(&fixture->tree, "a/memory.current", "4096\n");
	tree_write(&fixture->tree, "a/memory.max", "max\n");
	set_cgroup(fixture, 1, "/a");
	set_cgroup(fixture, 2, "/a");
	set_cgroup(fixture, 3, "/gone");
	home = interval_home(&fixture->targets, &processes[0]);
	assert_string_equal(home->path, "/a");
	assert_int_equal(home->memory.current, 4096);
	assert_true(home->memory.limit == UNKNOWN);
	tree_write(&fixture->tree, "a/memory.current", "8192\n");
	assert_int_equal(interval_home(&fixture->targets, &processes[1])->memory.current, 4096);
	interval_begin(&fixture->targets);
	assert_int_equal(interval_home(&fixture->targets, &processes[1])->memory.current, 8192);
	/* it may move */
	set_cgroup(fixture, 2, "/gone");
	home = interval_home(&fixture->targets, &processes[1]);
	assert_string_equal(home->path, "/gone");
	assert_true(home->memory.current == UNKNOWN);
	assert_string_equal(interval_home(&fixture->targets, &processes[0])->path, "/a");
	fixture_free(fixture);
}

static void a_process_without_a_memory_cgroup_has_no_home(void **state)
{
	struct watched_process process = { .own = true };
	struct fixture *fixture = fixture_make(NULL, 0, &process, 1);

	(void)state;
	assert_null(interval_home(&fixture->targets, &process)); /* no such file */
	set_cgroup(fixture, 1, "/");
	assert_non_null(interval_home(&fixture->targets, &process));
	fixture->targets.hierarchy.fd = -1;
	assert_null(interval_home(&fixture->targets, &process));
	fixture_free(fixture);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_is_in_the_sums_of_its_cgroup_and_of_those_above),
		cmocka_unit_test(one_unknown_figure_makes_that_sum_unknown_and_one_that_is_gone_is_left_out),
		cmocka_unit_test(a_process_is_read_once_an_interval_whoever_asks),
		cmocka_unit_test(the_sums_of_many_cgroups_take_one_reading_of_each_process),
		cmocka_unit_test(one_that_exits_between_two_intervals_is_read_again_and_it_alone),
		cmocka_unit_test(a_cgroup_that_processes_share_is_read_once_an_interval),
		cmocka_unit_test(a_process_without_a_memory_cgroup_has_no_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
