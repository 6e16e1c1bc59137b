// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "tests/unit/data.h"
#include "user/allocator/family.h"
#include "user/output/check_text.h"

static const struct probes_features all_features = { true, true, true };

static struct check_host able_host(void)
{
	struct check_host host = {
		.kernel = "6.1.0-test",
		.tried = true,
		.features = &all_features,
		.cost = { .emulated = 480, .stepped = 16500, .returned = 210 },
		.cgroup_version = 2,
		.cgroup_has_memory = true,
		.cgroup_mount = "/sys/fs/cgroup",
		.reclaim_spares_anon = true,
	};

	memset(host.host.has, true, sizeof(host.host.has));
	memset(host.host.may, true, sizeof(host.host.may));
	return host;
}

static char *host_text(const struct check_host *host)
{
	struct capture capture;

	capture_start(&capture);
	check_text_host(capture.stream, host);
	return capture_end(&capture);
}

/* The rest of the line that begins with the name. */
static const char *fact_of(const char *text, const char *name, char ret[1024])
{
	const char *found = strstr(text, name);

	if (!found || (found != text && found[-1] != ' ')) {
		fail_msg("no '%s' in: %s", name, text);
		return NULL;
	}
	found += strlen(name);
	found += strspn(found, " ");
	snprintf(ret, 1024, "%.*s", (int)strcspn(found, "\n"), found);
	return ret;
}

static void assert_fact(const char *text, const char *name, const char *expected)
{
	char fact[1024];

	assert_string_equal(fact_of(text, name, fact), expected);
}

static void assert_no(const char *text, const char *name, const char *remedy)
{
	char fact[1024];

	fact_of(text, name, fact);
	if (strncmp(fact, "no: ", 4) || !strstr(fact, remedy))
		fail_msg("%s: '%s' without '%s'", name, fact, remedy);
}

static void a_host_that_has_everything_is_ready(void **state)
{
	struct check_host host = able_host();
	char *text = host_text(&host);

	(void)state;
	assert_true(check_host_is_ready(&host));
	assert_null(strstr(text, " no"));
	assert_fact(text, "kernel", "6.1.0-test");
	assert_fact(text, "a probe's hit, emulated", "480 ns");
	assert_fact(text, "a probe's hit, single-stepped", "16500 ns");
	assert_fact(text, "a return probe", "210 ns more");
	assert_fact(text, "memory cgroups", "yes: v2 at /sys/fs/cgroup");
	assert_fact(text, "watch with probes", "yes");
	free(text);
}

static void what_is_missing_is_a_no_with_its_remedy_and_what_was_not_tried_is_not_known(void **state)
{
	struct check_host host = able_host();
	char *text;

	(void)state;
	host.tried = false;
	host.features = NULL;
	host.cost = unknown_cost;
	host.host.has[HOST_BTF] = host.host.has[HOST_TRACEFS] = host.host.may[HOST_MAY_LOOK] = false;
	text = host_text(&host);
	assert_no(text, "may look into any process", "CAP_SYS_PTRACE");
	assert_no(text, "BTF of the kernel", "CONFIG_DEBUG_INFO_BTF=y");
	assert_no(text, "tracefs", "mount -t tracefs");
	assert_fact(text, "uprobes", "yes");
	assert_fact(text, "multi-uprobe links", "-");
	assert_fact(text, "return probes under seccomp", "-");
	assert_fact(text, "a probe's hit, emulated", "-");
	assert_fact(text, "a return probe", "-");
	assert_no(text, "watch with probes", "--source none");
	assert_false(check_host_is_ready(&host));
	free(text);
}

static void programs_that_do_not_load_say_why(void **state)
{
	struct check_host host = able_host();
	char *text;

	(void)state;
	host.features = NULL;
	host.failure = "the verifier was not amused";
	text = host_text(&host);
	assert_no(text, "BPF programs load", "the verifier was not amused");
	assert_false(check_host_is_ready(&host));
	free(text);
}

static void an_older_kernels_ways_are_told_and_none_of_them_is_in_the_way(void **state)
{
	struct probes_features features = { .returns_survive = true };
	struct check_host host = able_host();
	char *text;

	(void)state;
	host.features = &features;
	text = host_text(&host);
	assert_no(text, "multi-uprobe links", "perf events");
	assert_no(text, "iterator of mapped files", "maps file");
	assert_fact(text, "watch with probes", "yes");
	free(text);
	features.returns_survive = false;
	text = host_text(&host);
	assert_no(text, "return probes under seccomp", "at each RET instead");
	assert_fact(text, "watch with probes", "yes");
	free(text);
}

static void what_the_kernel_can_reclaim_is_told(void **state)
{
	struct check_host host = able_host();
	char *text = host_text(&host);

	(void)state;
	assert_fact(text, "memory.reclaim", "yes");
	free(text);
	host.reclaim_spares_anon = false;
	text = host_text(&host);
	assert_fact(text, "memory.reclaim", "yes, but not for page cache alone (swappiness=0, which Linux 6.12 has): the kernel may swap out as well");
	free(text);
	host.reclaim_why = "not before Linux 5.19";
	text = host_text(&host);
	assert_fact(text, "memory.reclaim", "no: not before Linux 5.19");
	free(text);
	host.cgroup_version = 0;
	text = host_text(&host);
	assert_fact(text, "memory.reclaim", "-");
	free(text);
}

static void each_kind_of_cgroup_host_is_named(void **state)
{
	struct check_host host = able_host();
	char *text;

	(void)state;
	host.cgroup_has_memory = false;
	text = host_text(&host);
	assert_no(text, "memory cgroups", "without the memory controller");
	free(text);
	host.cgroup_has_memory = true;
	host.cgroup_version = 1;
	host.cgroup_mount = "/cg/memory";
	text = host_text(&host);
	assert_fact(text, "memory cgroups", "yes: v1 at /cg/memory");
	free(text);
	host.cgroup_hybrid = true;
	text = host_text(&host);
	assert_fact(text, "memory cgroups", "yes: hybrid, the memory controller is v1's, at /cg/memory");
	free(text);
	host.cgroup_version = 0;
	host.cgroup_why = "no memory cgroup hierarchy is mounted: mount one";
	text = host_text(&host);
	assert_no(text, "memory cgroups", "mount one; -c needs a cgroup hierarchy");
	assert_fact(text, "watch with probes", "yes"); /* of pids */
	free(text);
}

static void a_seccomp_filter_is_told_with_what_return_probes_do_under_it(void **state)
{
	static const struct probes_features killing = { true, true, false };
	static const struct {
		const char *name, *fact;
		int seccomp;
		const struct probes_features *features;
	} rows[] = {
		{ "none", "no", 0, &all_features },
		{ "not known", "-", -1, &all_features },
		{ "filter", "yes: return probes survive it on this kernel", 2, &all_features },
		{ "filter, and they kill", "yes: return probes would kill it: it gets none", 2, &killing },
		{ "filter, not tried", "yes: whether return probes survive it was not tried", 2, NULL },
	};
	struct examined examined = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct check_process process = { .pid = 12, .comm = "web", .seccomp = rows[i].seccomp, .examined = &examined,
						 .refusal = "for a reason" };
		struct check_host host = able_host();
		struct capture capture;
		char *text;

		host.features = rows[i].features;
		capture_start(&capture);
		check_text_process(capture.stream, &process, &host);
		text = capture_end(&capture);
		assert_non_null(strstr(text, "Process 12 (web)\n"));
		assert_fact(text, "seccomp filter", rows[i].fact);
		assert_fact(text, "program", "-");
		assert_fact(text, "can be probed", "no: for a reason");
		free(text);
	}
}

static void an_allocators_functions_are_listed_with_their_places_and_costs(void **state)
{
	struct examined_file file = {
		.path = (char *)"/lib/libc.so.6",
		.library = { .name = "glibc 2.36", .n = 2, .functions = {
			{ .symbol = "malloc", .call = MEMGAP_CALL_MALLOC,
			  .sites = { .entry = { .offset = 7, .emulated = true }, .at_return = { .offset = 4, .emulated = true } } },
			{ .symbol = "free", .call = MEMGAP_CALL_FREE },
		} },
	};
	struct check_host host = able_host();
	struct capture capture;
	char *text;

	(void)state;
	capture_start(&capture);
	check_text_allocator(capture.stream, &file, &host.cost);
	text = capture_end(&capture);
	assert_string_equal(text,
		"\nAllocator glibc 2.36: /lib/libc.so.6\n"
		"  function             entry probe          return probe         costs a call\n"
		"  free                 +0 single-stepped    none                 16500 ns\n"
		"  malloc               +7 emulated          +4 emulated          1170 ns\n");
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_that_has_everything_is_ready),
		cmocka_unit_test(what_is_missing_is_a_no_with_its_remedy_and_what_was_not_tried_is_not_known),
		cmocka_unit_test(programs_that_do_not_load_say_why),
		cmocka_unit_test(an_older_kernels_ways_are_told_and_none_of_them_is_in_the_way),
		cmocka_unit_test(what_the_kernel_can_reclaim_is_told),
		cmocka_unit_test(each_kind_of_cgroup_host_is_named),
		cmocka_unit_test(a_seccomp_filter_is_told_with_what_return_probes_do_under_it),
		cmocka_unit_test(an_allocators_functions_are_listed_with_their_places_and_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
