/* SPDX-License-Identifier: GPL-2.0-only */
/* Starts the exerciser (tests/exercise) under the probes, has it do things, and knows what should have been counted. */
#ifndef MEMGAP_TESTS_EXERCISER_H
#define MEMGAP_TESTS_EXERCISER_H

#include <limits.h>
#include <sys/types.h>

#include "bpf/memgap.h"
#include "user/allocator/probes.h"
#include "user/target/hierarchy.h"

struct exerciser {
	struct probes *probes;
	int proc_fd;
	pid_t pid;
	int in, out; /* its stdin and stdout */
	struct hierarchy hierarchy;
	char cgroup[PATH_MAX + 64]; /* absolute path of a memory cgroup of its own; "" when it has none */
	struct memgap_counters expected; /* since it was started */
};

enum start {
	START_PROBED,   /* watched from its first instruction, as -- COMMAND does */
	START_CGROUP,   /* in a cgroup of its own that is watched, slot 1 */
	START_UNPROBED, /* nothing is watched yet */
};

/* Another program, or another way to start it, which speaks the same language; nothing is watched yet. */
void exerciser_start_command(struct exerciser *e, char *const argv[], const struct probes_limits *limits);
/* Probes it as it runs, and counts from here on: `expected` starts anew. Its allocator as memgap names it. */
struct allocator exerciser_attach(struct exerciser *e);

/* Any failure fails the test. */
void exerciser_start(struct exerciser *e, enum start start, const struct probes_limits *limits);
void exerciser_stop(struct exerciser *e);

/* Sends a line. */
void exerciser_tell(struct exerciser *e, const char *action);
/* Reads a line; returns it in a static buffer. */
const char *exerciser_hear(struct exerciser *e);
/* Has it do something that is answered with counts, and adds them to `expected`. */
void exerciser_do(struct exerciser *e, const char *action);
/* Adds the counts of an answer. */
void exerciser_add(struct memgap_counters *sum, const char *answer);

/* Takes what the kernel side has reported so far. */
void exerciser_events(struct exerciser *e);

/* The probes' counters of a process (the exerciser: its own pid), of the cgroup. */
struct memgap_counters exerciser_counted(struct exerciser *e, pid_t pid);
struct memgap_counters exerciser_cgroup_counted(struct exerciser *e);

/* Fails the test, naming the figure, unless allocator figures (and missed, early_freed) are equal to the byte. */
void assert_same_blocks(const struct memgap_counters *counted, const struct memgap_counters *expected);

#endif
