/* SPDX-License-Identifier: GPL-2.0-only */
/* --log: every decision and every trim as a JSON object a line, so that a night can be read the next day. */
#ifndef MEMGAP_CMD_TRIM_LOG_H
#define MEMGAP_CMD_TRIM_LOG_H

#include "user/base/error.h"
#include "user/trim/decide.h"
#include "user/trim/event.h"

struct trim_log;

/* Appends to the file, or makes it. Fails with EXIT_FAILED. */
int trim_log_open(const char *path, struct trim_log **ret, struct error *err);
/* Says how many lines were lost, if any. Returns whether all of them were written. */
bool trim_log_close(struct trim_log *log);

/* log NULL: nothing is done. A line that cannot be written is counted, and the first of them told. */
void trim_log_look(struct trim_log *log, const struct snapshot *snapshot, const struct trim_judgement *judgement);
void trim_log_event(struct trim_log *log, const struct trim_event *event);
void trim_log_regrowth(struct trim_log *log, const struct trim_regrowth *regrowth);

#endif
