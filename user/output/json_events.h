/* SPDX-License-Identifier: GPL-2.0-only */
/* Events as JSON, schema 1: each an object in a line of its own. For --format json, and for --log. */
#ifndef MEMGAP_OUTPUT_JSON_EVENTS_H
#define MEMGAP_OUTPUT_JSON_EVENTS_H

#include <stdio.h>

#include "user/output/json_writer.h"
#include "user/trim/event.h"

void json_write_trim(FILE *stream, const struct trim_event *event);         /* "trim" */
void json_write_regrowth(FILE *stream, const struct trim_regrowth *regrowth); /* "regrowth" */
void json_write_look(FILE *stream, const struct trim_look *look);            /* "decision" */

/* What a "trim" has of its own, into an object that is open: all but schema, event, time and target. */
void json_write_trim_members(struct json_writer *writer, const struct trim_event *event);

#endif
