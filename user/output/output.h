/* SPDX-License-Identifier: GPL-2.0-only */
/* Snapshots and trims as text. Each format fills one of these; none does anything but write to the stream. */
#ifndef MEMGAP_OUTPUT_OUTPUT_H
#define MEMGAP_OUTPUT_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "user/gap/snapshot.h"
#include "user/trim/event.h"

struct output_format {
	const char *name;
	/* named: several targets are shown, so each line says whose it is */
	void (*snapshot)(FILE *stream, const struct snapshot *snapshot, bool named);
	void (*trim_triggered)(FILE *stream, const struct trim_event *event);
	void (*trim_ended)(FILE *stream, const struct trim_event *event);
};

extern const struct output_format output_line; /* for people: tabs between the fields, a trim in two lines */
extern const struct output_format output_json; /* JSON, schema 1: an object a line, a trim in one */

/* NULL when there is no such format. */
const struct output_format *output_format_by_name(const char *name);

/*
 * "workload[123]", or a cgroup's path, in which a container's id is cut to the 12 digits that the runtimes' own
 * tools show. Unprintable characters, which a process may have in its name, become '?'. Returns buffer.
 */
const char *format_target(char *buffer, size_t size, const struct target_name *target);

#endif
