/* SPDX-License-Identifier: GPL-2.0-only */
/* Snapshots and trims as text, in one of several formats. None does anything but write to the stream. */
#ifndef MEMGAP_OUTPUT_OUTPUT_H
#define MEMGAP_OUTPUT_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "user/gap/snapshot.h"
#include "user/output/table.h"
#include "user/trim/event.h"

struct output;

struct output_format {
	const char *name;
	void (*snapshot)(struct output *output, const struct snapshot *snapshot);
	void (*interval)(struct output *output); /* the snapshots of an interval are all there; NULL: nothing is to be done */
	void (*trim_triggered)(struct output *output, const struct trim_event *event);
	void (*trim_ended)(struct output *output, const struct trim_event *event);
	void (*trim_regrown)(struct output *output, const struct trim_regrowth *regrowth);
};

extern const struct output_format output_line;  /* for people: tabs between the fields, a trim in two lines */
extern const struct output_format output_table; /* for people: a table an interval (user/output/table.h), trims as in lines */
extern const struct output_format output_json;  /* JSON, schema 1: an object a line, a trim in one */

/* Where the stream leads to, as whoever opened it sees it. It may change between two intervals. */
struct output_terminal {
	int columns; /* that a line of a table must fit into; 0: any number */
	bool colour; /* escape sequences are understood and wanted */
};

struct output {
	const struct output_format *format;
	FILE *stream; /* the caller's */
	bool named;   /* several targets are shown, so each line says whose it is */
	struct output_terminal terminal;
	struct table table; /* that is being gathered */
	int error;          /* -ENOMEM: a row is missing */
};

void output_snapshot(struct output *output, const struct snapshot *snapshot);
/* After the last snapshot of an interval: what was gathered is printed. */
void output_interval(struct output *output);
void output_trim_triggered(struct output *output, const struct trim_event *event);
void output_trim_ended(struct output *output, const struct trim_event *event);
/* A minute later. */
void output_trim_regrown(struct output *output, const struct trim_regrowth *regrowth);
/* Frees what was gathered; the stream stays. */
void output_close(struct output *output);

/* NULL when there is no such format. */
const struct output_format *output_format_by_name(const char *name);

/*
 * "workload[123]", or a cgroup's path, in which a container's id is cut to the 12 digits that the runtimes' own
 * tools show. Unprintable characters, which a process may have in its name, become '?'. Returns buffer.
 */
const char *format_target(char *buffer, size_t size, const struct target_name *target);

/* A cgroup's path in the same way. */
const char *format_cgroup(char *buffer, size_t size, const char *path);

#endif
