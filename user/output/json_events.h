/* SPDX-License-Identifier: GPL-2.0-only */
/* Events as JSON, schema 1: each an object in a line of its own. For --format json, and for --log. */
#ifndef MEMGAP_OUTPUT_JSON_EVENTS_H
#define MEMGAP_OUTPUT_JSON_EVENTS_H

#include <stdio.h>

#include "user/trim/event.h"

void json_write_trim(FILE *stream, const struct trim_event *event);         /* "trim" */
void json_write_regrowth(FILE *stream, const struct trim_regrowth *regrowth); /* "regrowth" */
void json_write_look(FILE *stream, const struct trim_look *look);            /* "decision" */

#endif
