// SPDX-License-Identifier: GPL-2.0-only
#include "tests/integration/exerciser.h"

#include "user/allocator/counters.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/allocator/needed.h"
#include "user/target/command.h"

#define PROGRAM "build/tests/programs/exercise"
#define SLOT 1
#define ANSWER_MS 20000

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void make_cgroup(struct exerciser *e)
{
	assert_true(e->hierarchy.fd >= 0);
	snprintf(e->cgroup, sizeof(e->cgroup), "%s/memgap-test-%d", e->hierarchy.mount, getpid());
	rmdir(e->cgroup);
	assert_int_equal(mkdir(e->cgroup, 0755), 0);
}

static void join_cgroup(const struct exerciser *e, pid_t pid)
{
	char path[PATH_MAX + 96], text[16];

	snprintf(path, sizeof(path), "%s/cgroup.procs", e->cgroup);
	snprintf(text, sizeof(text), "%d", pid);
	write_text(path, text);
}

static void attach_needed(const char *path, void *data)
{
	struct exerciser *e = data;
	struct allocator allocator;

	probes_attach_file(e->probes, path, e->cgroup[0] ? 0 : e->pid, &allocator);
}

/* The child is waiting before its exec. */
static void watch(struct exerciser *e, enum start start, const struct probes_limits *limits)
{
	struct cgroup_dir dir;
	struct error err;

	if (probes_open(e->proc_fd, limits, &e->probes, &err))
		fail_msg("%s", err.text);
	if (start == START_UNPROBED)
		return;
	assert_int_equal(needed_libraries(PROGRAM, attach_needed, e), 0);
	if (start == START_PROBED) {
		assert_int_equal(probes_add(e->probes, e->pid, 0, MEMGAP_KEEP), 0);
		return;
	}
	assert_int_equal(cgroup_dir_open(&e->hierarchy, e->cgroup, &dir, &err), 0);
	assert_int_equal(probes_watch_cgroup(e->probes, dir.id, SLOT), 0);
	cgroup_dir_close(&dir);
	join_cgroup(e, e->pid); /* the kernel side notices */
}

/* command_start() gives the child our stdin and stdout. */
static void start_with_pipes(struct exerciser *e, char *const argv[], struct command *command, struct error *err)
{
	int in[2], out[2], old_in = dup(0), old_out = dup(1);
	struct inherited inherited;

	command_inherit(&inherited);
	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	fflush(stdout);
	dup2(in[0], 0);
	dup2(out[1], 1);
	if (command_start((char **)argv, &inherited, NULL, command, err))
		fail_msg("%s", err->text);
	dup2(old_in, 0);
	dup2(old_out, 1);
	close(old_in);
	close(old_out);
	close(in[0]);
	close(out[1]);
	e->in = in[1];
	e->out = out[0];
}

static void start_program(struct exerciser *e, char *const argv[], enum start start, const struct probes_limits *limits)
{
	struct command command;
	struct error err;

	*e = (struct exerciser){ .proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	hierarchy_open(e->proc_fd, &e->hierarchy);
	start_with_pipes(e, argv, &command, &err);
	e->pid = command.pid;
	if (start == START_CGROUP)
		make_cgroup(e);
	watch(e, start, limits);
	if (command_release(&command, &err))
		fail_msg("%s", err.text);
	assert_string_equal(exerciser_hear(e), "ready");
}

void exerciser_start(struct exerciser *e, enum start start, const struct probes_limits *limits)
{
	char *argv[] = { PROGRAM, NULL };

	start_program(e, argv, start, limits);
}

void exerciser_start_command(struct exerciser *e, char *const argv[], const struct probes_limits *limits)
{
	start_program(e, argv, START_UNPROBED, limits);
}

struct allocator exerciser_attach(struct exerciser *e)
{
	struct allocator allocator;

	assert_int_equal(probes_attach(e->probes, e->pid, false, &allocator), 0);
	assert_int_equal(probes_add(e->probes, e->pid, 0, MEMGAP_KEEP), 0);
	e->expected = (struct memgap_counters){ 0 };
	return allocator;
}

void exerciser_stop(struct exerciser *e)
{
	close(e->in);
	close(e->out);
	waitpid(e->pid, NULL, 0);
	probes_close(e->probes);
	if (e->cgroup[0])
		rmdir(e->cgroup);
	hierarchy_close(&e->hierarchy);
	close(e->proc_fd);
}

void exerciser_tell(struct exerciser *e, const char *action)
{
	char line[64];
	int length = snprintf(line, sizeof(line), "%s\n", action);

	assert_int_equal(write(e->in, line, (size_t)length), length);
}

const char *exerciser_hear(struct exerciser *e)
{
	static char line[512];
	struct pollfd ready = { .fd = e->out, .events = POLLIN };

	for (size_t length = 0; length < sizeof(line); length++) {
		if (poll(&ready, 1, ANSWER_MS) != 1 || read(e->out, &line[length], 1) != 1)
			fail_msg("the exerciser does not answer");
		if (line[length] != '\n')
			continue;
		line[length] = '\0';
		return line;
	}
	fail_msg("the answer is too long");
	return NULL;
}

void exerciser_add(struct memgap_counters *sum, const char *answer)
{
	long n[10];

	assert_int_equal(sscanf(answer, "%ld %ld %ld %ld %ld %ld %ld %ld %ld %ld", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5],
				&n[6], &n[7], &n[8], &n[9]), 10);
	sum->alloc += n[0];
	sum->total_alloc += (uint64_t)n[1];
	sum->mallocs += (uint64_t)n[2];
	sum->frees += (uint64_t)n[3];
	sum->mapped += (uint64_t)n[4];
	sum->unmapped += (uint64_t)n[5];
	sum->brk += n[6];
	sum->returned += (uint64_t)n[7];
	sum->missed += (uint64_t)n[8];
	sum->early_freed += (uint64_t)n[9];
}

void exerciser_do(struct exerciser *e, const char *action)
{
	exerciser_tell(e, action);
	exerciser_add(&e->expected, exerciser_hear(e));
}

static void ignore_event(const struct memgap_event *event, void *data)
{
	(void)event;
	(void)data;
}

void exerciser_events(struct exerciser *e)
{
	bool lost;

	probes_take_events(e->probes, ignore_event, NULL, &lost);
	assert_false(lost);
}

struct memgap_counters exerciser_counted(struct exerciser *e, pid_t pid)
{
	struct memgap_process record;

	if (probes_read_process(e->probes, pid, &record))
		fail_msg("pid %d is not watched", pid);
	return record.counters;
}

struct memgap_counters exerciser_cgroup_counted(struct exerciser *e)
{
	struct memgap_counters counters;
	struct memgap_process record;
	pid_t pids[16];
	size_t n = probes_list(e->probes, pids, 16);

	probes_read_counters(e->probes);
	counters = *counters_of_cgroup(probes_counters(e->probes), SLOT);
	counters.alloc = 0;
	for (size_t i = 0; i < n; i++)
		if (!probes_read_process(e->probes, pids[i], &record) && record.slot == SLOT)
			counters.alloc += record.counters.alloc;
	return counters;
}

void assert_same_blocks(const struct memgap_counters *counted, const struct memgap_counters *expected)
{
	if (counted->alloc == expected->alloc && counted->total_alloc == expected->total_alloc &&
	    counted->mallocs == expected->mallocs && counted->frees == expected->frees &&
	    counted->missed == expected->missed && counted->early_freed == expected->early_freed)
		return;
	fail_msg("counted alloc %lld total %llu mallocs %llu frees %llu missed %llu early %llu, "
		 "expected alloc %lld total %llu mallocs %llu frees %llu missed %llu early %llu",
		 counted->alloc, counted->total_alloc, counted->mallocs, counted->frees, counted->missed,
		 counted->early_freed, expected->alloc, expected->total_alloc, expected->mallocs, expected->frees,
		 expected->missed, expected->early_freed);
}
