// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probes come and go while eight threads allocate ($RUNS times, 100): what is counted between is what the threads did, to the byte, and
 * in the end their code is as the file has it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/exerciser.h"

#define RUNS 100
#define ANEW_EVERY 20 /* runs: not the probes alone come and go, all of memgap's kernel side */

static const struct probes_limits plenty = { 0 };

static long runs(void)
{
	const char *text = getenv("RUNS");

	return text ? strtol(text, NULL, 10) : RUNS;
}

/* A libc that nobody else on this machine puts probes on. */
static char own_libc[] = "/tmp/memgap-test-XXXXXX";

static int run_in_shell(const char *command)
{
	setenv("OWN_LIBC", own_libc, 1);
	return system(command);
}

static int start(void **state)
{
	char *argv[] = { "build/tests/programs/exercise", NULL };
	struct exerciser *e = malloc(sizeof(*e));

	assert_non_null(mkdtemp(own_libc));
	assert_int_equal(run_in_shell("cp -L \"$(ldd build/tests/programs/exercise | grep -oE '/[^ ]*/libc.so.6')\" \"$OWN_LIBC\""), 0);
	setenv("LD_LIBRARY_PATH", own_libc, 1);
	exerciser_start_command(e, argv, &plenty);
	exerciser_do(e, "crowd_start");
	*state = e;
	return 0;
}

static int stop(void **state)
{
	exerciser_stop(*state);
	free(*state);
	return run_in_shell("rm -r \"$OWN_LIBC\"");
}

/* All that libc has in memory to be run is what is in its file: no breakpoint. */
static void assert_intact(pid_t pid)
{
	char line[512], path[256] = "", name[64];
	unsigned long from = 0, to = 0, offset = 0;
	FILE *maps;
	int memory, file;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	maps = fopen(name, "re");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx r-xp %lx %*s %*s %255s", &from, &to, &offset, path) == 4 && strstr(path, "libc.so.6"))
			break;
	fclose(maps);
	assert_non_null(strstr(path, own_libc));
	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	memory = open(name, O_RDONLY | O_CLOEXEC);
	file = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(memory >= 0 && file >= 0);
	for (; from < to; from += 4096, offset += 4096) {
		unsigned char here[4096], there[4096];
		ssize_t n = pread(file, there, sizeof(there), (off_t)offset);

		assert_true(n > 0 && pread(memory, here, (size_t)n, (off_t)from) == n);
		assert_memory_equal(here, there, (size_t)n);
	}
	close(memory);
	close(file);
}

/* What they do until they are held up again, with the probes there all the time. Blocks from before are freed, too. */
static uint64_t assert_exact(struct exerciser *e)
{
	struct memgap_counters before, after, expected = { 0 };

	exerciser_do(e, "crowd_hold");
	before = exerciser_counted(e, e->pid);
	exerciser_do(e, "crowd_go");
	exerciser_tell(e, "crowd_hold");
	exerciser_add(&expected, exerciser_hear(e));
	after = exerciser_counted(e, e->pid);
	after.alloc = memgap_net(&after) - memgap_net(&before);
	after.total_alloc -= before.total_alloc;
	after.mallocs -= before.mallocs;
	after.frees -= before.frees;
	after.missed -= before.missed;
	after.early_freed = 0;
	assert_same_blocks(&after, &expected);
	exerciser_do(e, "crowd_go");
	return after.mallocs;
}

static void take_away(struct exerciser *e)
{
	struct taken_away *taken;

	assert_int_equal(probes_take_away(e->probes, &e->pid, 1, &taken), 0);
	probes_taken_away(taken);
}

static void open_anew(struct exerciser *e)
{
	struct error err;

	probes_close(e->probes);
	if (probes_open(e->proc_fd, &plenty, &e->probes, &err))
		fail_msg("%s", err.text);
	exerciser_attach(e);
}

static void what_is_counted_is_exact_however_often_the_probes_come_and_go(void **state)
{
	struct exerciser *e = *state;
	uint64_t mallocs = 0;

	exerciser_do(e, "crowd_go");
	exerciser_attach(e);
	for (long run = 1; run <= runs(); run++) {
		mallocs += assert_exact(e);
		if (run % ANEW_EVERY == 0) {
			open_anew(e);
			continue;
		}
		take_away(e);
		assert_int_equal(probes_put_back(e->probes, e->pid), 0);
	}
	take_away(e);
	assert_intact(e->pid);
	exerciser_do(e, "crowd_hold");
	assert_true(mallocs > 0);
	print_message("# | fault | times | harmed | left behind | lost uncounted |\n# |---|---|---|---|---|\n");
	print_message("# | probes come and go while eight threads allocate, %llu blocks between | %ld | 0 | 0 | 0 |\n", (unsigned long long)mallocs, runs());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_counted_is_exact_however_often_the_probes_come_and_go, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
