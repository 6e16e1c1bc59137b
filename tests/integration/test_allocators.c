// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocator that memgap knows, in the ways that programs get it: loaded before the libc, or linked in. What was
 * counted has to be what its own malloc_usable_size() says of the blocks, to the byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/integration/exerciser.h"

#define FOLDER "build/tests/programs/"
#define PACKAGES "build/packages/"
#if defined(__x86_64__)
#define USR "/usr/lib/x86_64-linux-gnu/"
#define LOADER "ld-linux-x86-64.so.2"
#elif defined(__aarch64__)
#define USR "/usr/lib/aarch64-linux-gnu/"
#define LOADER "ld-linux-aarch64.so.1"
#endif

struct program {
	const char *title;
	const char *file;      /* of the exerciser */
	const char *suite;     /* of Debian, whose libraries it is run with; NULL: the machine's own libc */
	const char *preload;   /* below build/packages, or NULL */
	const char *name;      /* that memgap has for the allocator */
	bool rounds_alignment; /* a block with an alignment is somewhere in a larger one (mimalloc) */
};

static const struct program programs[] = {
#if defined(__x86_64__) /* Debian's jemalloc for arm64 has pages of 64 KiB */
	{ "jemalloc 5.3.0", "exercise", NULL, "bookworm/libjemalloc2" USR "libjemalloc.so.2", "jemalloc 5.3.0", false },
	{ "jemalloc of sid", "exercise", "sid", "sid/libjemalloc2" USR "libjemalloc.so.2", "jemalloc 5.", false },
#endif
	{ "mimalloc 2.0.9", "exercise", NULL, "bookworm/libmimalloc2.0" USR "libmimalloc.so.2", "mimalloc 2.0.9", true },
	{ "mimalloc of trixie", "exercise", "trixie", "trixie/libmimalloc3" USR "libmimalloc.so.3", "mimalloc 3.0.", true },
	{ "mimalloc of sid", "exercise", "sid", "sid/libmimalloc3" USR "libmimalloc.so.3", "mimalloc 3.", true },
	{ "tcmalloc 2.10", "exercise", NULL, "bookworm/libtcmalloc-minimal4" USR "libtcmalloc_minimal.so.4", "tcmalloc 2.10", false },
	{ "tcmalloc of trixie", "exercise", "trixie", "trixie/libtcmalloc-minimal4t64" USR "libtcmalloc_minimal.so.4", "tcmalloc 2.16",
	  false },
	{ "glibc of trixie", "exercise", "trixie", NULL, "glibc 2.41", false },
	{ "glibc of sid", "exercise", "sid", NULL, "glibc 2.", false },
	{ "static glibc", "exercise-static", NULL, NULL, "glibc", false },
	{ "static-PIE glibc", "exercise-static-pie", NULL, NULL, "glibc", false },
#if defined(__x86_64__) /* for others nothing is built with it */
	{ "musl", "exercise-musl", NULL, NULL, "musl 1.2.", false },
	{ "static musl", "exercise-musl-static", NULL, NULL, "musl", false },
#endif
};

/* Of each Debian release, what is run from it. */
static struct suite {
	const char *name, *packages;
	bool unavailable; /* its packages cannot be had from here: tests/packages.sh has said why */
} suites[] = {
	{ "bookworm", "libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0", false },
	{ "trixie", "libc6 libgcc-s1 libstdc++6 libtcmalloc-minimal4t64 libmimalloc3", false },
	{ "sid", "libc6 libgcc-s1 libstdc++6 libjemalloc2 libmimalloc3", false },
};

#define EXIT_UNAVAILABLE 69

static int fetch_packages(void **state)
{
	char command[256];

	(void)state;
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		int status;

		snprintf(command, sizeof(command), "tests/packages.sh %s %s", suites[i].name, suites[i].packages);
		status = system(command);
		suites[i].unavailable = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_UNAVAILABLE;
		if (status && !suites[i].unavailable)
			return -1;
	}
	return 0;
}

static bool is_unavailable(const struct program *program)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		size_t length = strlen(suites[i].name);
		bool uses = program->suite ? !strcmp(program->suite, suites[i].name) :
					     program->preload && !strncmp(program->preload, suites[i].name, length);

		if (uses && suites[i].unavailable)
			return true;
	}
	return false;
}

/* A copy of the suite's own loader and libraries. */
static void start_in_suite(struct exerciser *e, const struct program *program, const struct probes_limits *limits)
{
	static const char *const packages[] = { "libc6", "libgcc-s1", "libstdc++6" };
	char file[256], loader[256], path[1024] = "", preload[256];
	size_t used = 0;

	for (size_t i = 0; i < 3; i++)
		used += (size_t)snprintf(path + used, sizeof(path) - used, "%s" PACKAGES "%s/%s" USR, i ? ":" : "", program->suite,
					 packages[i]);
	snprintf(file, sizeof(file), FOLDER "%s", program->file);
	snprintf(loader, sizeof(loader), PACKAGES "%s/libc6" USR LOADER, program->suite);
	snprintf(preload, sizeof(preload), PACKAGES "%s", program->preload ? program->preload : "");
	exerciser_start_command(e, (char *[]){ loader, "--library-path", path, "--preload", program->preload ? preload : "", file, NULL },
				limits);
}

static void start_here(struct exerciser *e, const struct program *program, const struct probes_limits *limits)
{
	char file[256], preload[256];

	snprintf(file, sizeof(file), FOLDER "%s", program->file);
	snprintf(preload, sizeof(preload), PACKAGES "%s", program->preload ? program->preload : "");
	if (program->preload)
		setenv("LD_PRELOAD", preload, 1);
	exerciser_start_command(e, (char *[]){ file, NULL }, limits);
	unsetenv("LD_PRELOAD");
}

static struct exerciser start_with(const struct program *program, const struct probes_limits *limits)
{
	struct exerciser e;

	if (program->suite)
		start_in_suite(&e, program, limits);
	else
		start_here(&e, program, limits);
	return e;
}

static struct exerciser start(const struct program *program)
{
	const struct probes_limits plenty = { 0 };

	if (is_unavailable(program))
		skip();

	return start_with(program, &plenty);
}

static void check(struct exerciser *e, const char *action)
{
	struct memgap_counters counted;

	exerciser_do(e, action);
	counted = exerciser_counted(e, e->pid);
	if (memcmp(&counted.alloc, &e->expected.alloc, sizeof(counted.alloc)) || counted.mallocs != e->expected.mallocs)
		print_error("after %s:\n", action);
	assert_same_blocks(&counted, &e->expected);
}

static void all_blocks_count_with_their_usable_size(void **state)
{
	static const char *const actions[] = { "malloc_all_sizes", "free_all", "free_null", "calloc_blocks", "free_all",
					       "realloc_from_null", "free_all", "realloc_sizes", "realloc_mmapped",
					       "realloc_to_zero", "new_and_delete", "jemalloc_calls", "calls_that_fail" };
	const struct program *program = *state;
	struct exerciser e = start(program);
	struct allocator allocator = exerciser_attach(&e);

	if (strncmp(allocator.name, program->name, strlen(program->name)))
		fail_msg("it is named %s", allocator.name);
	assert_false(allocator.foreign);
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		check(&e, actions[i]);
	if (!program->rounds_alignment) {
		check(&e, "aligned_blocks");
		check(&e, "free_all");
	}
	if (!program->preload) {
		check(&e, "pvalloc_block");
		check(&e, "free_all");
	}
	exerciser_stop(&e);
}

/* Threads' own caches; a block that another thread frees; the ends of threads. */
static void threads_count_exactly(void **state)
{
	struct exerciser e = start(*state);

	exerciser_do(&e, "threads_start");
	exerciser_do(&e, "threads_work");
	exerciser_do(&e, "thread_ends"); /* what a libc allocates for its first one is made */
	exerciser_attach(&e);
	if (((const struct program *)*state)->suite || ((const struct program *)*state)->preload)
		exerciser_do(&e, "malloc_all_sizes");
	else
		exerciser_do(&e, "calloc_blocks");
	for (int i = 0; i < 3; i++)
		exerciser_do(&e, "threads_work");
	{
		struct memgap_counters counted = exerciser_counted(&e, e.pid);

		assert_int_equal(counted.mallocs, e.expected.mallocs);
		assert_int_equal(counted.total_alloc, e.expected.total_alloc);
		assert_int_equal(counted.missed, 0);
	}
	exerciser_stop(&e);
}

/* malloc_all_sizes makes 1000 blocks: those for which there was no room are missed, and not freed either. */
static void a_full_map_shows_in_missed_and_nothing_else_is_wrong(void **state)
{
	const struct probes_limits few = { .blocks = 128 }; /* at least; there are twice as many places */
	struct exerciser e = start_with(&programs[0], &few);
	struct memgap_counters counted;

	(void)state;
	exerciser_attach(&e);
	exerciser_do(&e, "malloc_all_sizes");
	counted = exerciser_counted(&e, e.pid);
	assert_int_equal(counted.mallocs + counted.missed, 1000);
	assert_in_range(counted.mallocs, 128, 256);
	assert_true(counted.alloc > 0 && counted.alloc < e.expected.alloc);
	exerciser_do(&e, "free_all");
	e.expected = exerciser_counted(&e, e.pid);
	assert_int_equal(e.expected.alloc, 0);
	assert_int_equal(e.expected.frees, counted.mallocs);
	check(&e, "calloc_blocks");
	exerciser_stop(&e);
}

static void as_many_blocks_as_were_asked_for_have_room(void **state)
{
	const struct probes_limits enough = { .blocks = 1000 };
	struct exerciser e = start_with(&programs[0], &enough);

	(void)state;
	exerciser_attach(&e);
	check(&e, "malloc_all_sizes");
	check(&e, "free_all");
	exerciser_stop(&e);
}

/* Blocks from before the attach are no loss, and are not taken for others when they are freed. */
static void blocks_from_before_that_are_not_remembered_count_nothing(void **state)
{
	struct exerciser e = start(&programs[0]);

	(void)state;
	exerciser_do(&e, "malloc_all_sizes");
	exerciser_attach(&e);
	exerciser_do(&e, "free_all");
	e.expected = (struct memgap_counters){ 0 };
	check(&e, "calloc_blocks");
	exerciser_stop(&e);
}

static void ended_programs_leave_no_block_behind(void **state)
{
	struct exerciser e = start(&programs[0]);
	struct memgap_counters counted;

	(void)state;
	exerciser_attach(&e);
	exerciser_do(&e, "malloc_all_sizes");
	assert_int_equal(probes_blocks(e.probes), 1000);
	exerciser_tell(&e, "exec"); /* the same program again */
	assert_string_equal(exerciser_hear(&e), "ready");
	exerciser_events(&e);
	probes_tidy(e.probes);
	counted = exerciser_counted(&e, e.pid); /* C++'s runtime may hold some from the start */
	assert_int_equal(probes_blocks(e.probes), counted.mallocs - counted.frees);
	assert_true(counted.mallocs - counted.frees < 10);
	exerciser_stop(&e);
}

#define N_OTHERS 4
#define N_PROGRAMS (sizeof(programs) / sizeof(programs[0]))

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(a_full_map_shows_in_missed_and_nothing_else_is_wrong),
		cmocka_unit_test(as_many_blocks_as_were_asked_for_have_room),
		cmocka_unit_test(blocks_from_before_that_are_not_remembered_count_nothing),
		cmocka_unit_test(ended_programs_leave_no_block_behind),
	};
	struct CMUnitTest tests[2 * N_PROGRAMS + N_OTHERS];
	static char names[2 * N_PROGRAMS][96];

	for (size_t i = 0; i < N_PROGRAMS; i++) {
		snprintf(names[2 * i], sizeof(names[0]), "%s: all blocks count with their usable size", programs[i].title);
		snprintf(names[2 * i + 1], sizeof(names[0]), "%s: threads count exactly", programs[i].title);
		tests[2 * i] = (struct CMUnitTest){ names[2 * i], all_blocks_count_with_their_usable_size, NULL, NULL,
						    (void *)(uintptr_t)&programs[i] };
		tests[2 * i + 1] = (struct CMUnitTest){ names[2 * i + 1], threads_count_exactly, NULL, NULL,
							(void *)(uintptr_t)&programs[i] };
	}
	memcpy(&tests[2 * N_PROGRAMS], others, sizeof(others));
	return _cmocka_run_group_tests("allocators", tests, 2 * N_PROGRAMS + N_OTHERS, fetch_packages, NULL);
}
