/* SPDX-License-Identifier: GPL-2.0-only */
/* What the last look into a process has found (user/cmd/surveyor.h), and what is read of it since then at each interval. */
#ifndef MEMGAP_CMD_SURVEY_H
#define MEMGAP_CMD_SURVEY_H

#include <stdbool.h>
#include <stdint.h>

#include "user/gap/snapshot.h"
#include "user/go/go.h"
#include "user/heap/heap.h"
#include "user/kernel/smaps_rollup.h"

struct targets;
struct watched_process;

/* So often what is read of a program may fail before what was found earlier does not count any more. */
#define MAX_FAILURES 3

/* The last look into a process. */
struct survey {
	uint64_t at_ns;      /* CLOCK_MONOTONIC; 0: there was none */
	uint64_t cost_ns;    /* CPU time */
	bool running;
	unsigned int generation; /* of the program: a look that began before an exec is of another */
	struct heap *heap;   /* what the next look begins with, or NULL */
	bool has_rollup, has_heap;
	bool walked;           /* the last look did: the view is of then */
	unsigned int failures; /* to walk, one after the other */
	struct smaps_rollup rollup;
	char heap_name[NAME_MAX_TEXT]; /* "glibc 2.35 to 2.42" */
	struct heap_view view;
	int64_t reach;     /* of the last glance at its headers (heap_glance()); UNKNOWN */
	uint64_t glanced;  /* the interval of that */
	char why_not[REASON_MAX]; /* there is no view of the heap */
	struct other_anon other;
	int64_t before;      /* live before the probes counted, by the walk that fitted best; UNKNOWN: there was none */
	uint64_t moved;      /* bytes that were allocated and freed during that walk: it is wrong by that at most */
	unsigned int changes; /* of its probes, when the look began: they were taken away since, or put back */
	uint64_t turnover;   /* bytes allocated and freed when the look began; 0 where nothing is probed */
	int64_t first_alloc; /* of the first view; UNKNOWN: there is none yet */
	int64_t net;         /* counted by the probes when it ended: handed out less given back; UNKNOWN: nothing is probed */
	/* Of a Go program. It is read at each interval, by itself: that takes microseconds. */
	enum { GO_NOT_ASKED, GO_NOT, GO_PROGRAM } language;
	struct go *go;       /* open, or NULL */
	bool has_go;         /* and read */
	unsigned int go_failures; /* to read it, one after the other */
	struct go_view go_view;
	int64_t c_most;      /* of a program with both: the most that was live in C's heap at a look */
	int64_t go_total;    /* what it has handed out, as it was shown last; */
	int64_t go_settled;  /* of that, this is its cgroups' already */
	uint64_t go_interval; /* it is of */
	int64_t held;        /* anonymous, resident or swapped, when it was asked for */
};

/* Bytes that its heap seems to have grown by since the last walk, from the headers alone; 0 when that is not known. interval: its number. */
int64_t survey_grown(struct survey *survey, uint64_t interval);

/* Whether so much has come or gone since the last look that another one is due. */
bool survey_is_behind(const struct targets *targets, const struct watched_process *process);

/* 1: it runs a Go program, 0: it does not; asked once of each program. -errno: it could not be asked, for want of descriptors or memory. */
int survey_is_go(const struct targets *targets, struct watched_process *process);

/* What its runtime says in this interval; NULL when that is not known. */
const struct go_view *survey_go(const struct targets *targets, struct watched_process *process);

void survey_init(struct survey *survey);
/* It is another program now: nothing is known. */
void survey_forget(struct survey *survey);
/* Of a process that goes. */
void survey_close(struct survey *survey);

#endif
